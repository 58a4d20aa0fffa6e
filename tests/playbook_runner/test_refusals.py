"""Claims about what mail servers refuse: which words say that a mailbox is not there, and which that it is about us.

The wordings are those that the servers and services are documented with; names and addresses are ours.
"""

import pytest

from playbook_runner.actions.refusals import is_of_us, no_such_mailbox

US = "care@milepost.example"

NOT_THERE = [
    # Postfix
    (550, "5.1.1 <ana@b.example>: Recipient address rejected: User unknown in local recipient table"),
    (550, "5.1.1 <ana@b.example>: Recipient address rejected: User unknown in virtual mailbox table"),
    (550, "5.1.1 <ana@b.example>: Recipient address rejected: User unknown in virtual alias table"),
    (550, "5.1.1 <ana@b.example>: Recipient address rejected: User unknown in relay recipient table"),
    (550, "5.1.1 <rate.limit@blocked.example>: Recipient address rejected: User unknown in local recipient table"),
    (550, '5.1.1 <ana@b.example>: Recipient address rejected: undeliverable address: unknown user: "ana"'),
    (556, "5.1.10 <ana@b.example>: Recipient address rejected: Domain b.example does not accept mail (nullMX)"),
    # Exim, and the panels that come with it
    (550, "Unknown user"),
    (550, "No Such User Here"),
    (550, "No such person at this address"),
    (550, "No such recipient here"),
    # Sendmail
    (550, "5.1.1 <ana@b.example>... User unknown"),
    (550, "5.1.2 <ana@b.example>... Host unknown (Name server: b.example: host not found)"),
    (553, "5.1.3 <ana@b.example>... Invalid route address"),
    (551, "5.1.6 <ana@b.example>... User has moved; please try <ana@c.example>"),
    # qmail, vpopmail, chkuser
    (550, "sorry, no mailbox here by that name (#5.1.1)"),
    (511, "sorry, no mailbox here by that name (#5.1.1 - chkuser)"),
    # Exchange and Exchange Online
    (550, "5.1.1 User unknown"),
    (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ana@b.example not found by SMTP address lookup"),
    # Gmail
    (
        550,
        "5.1.1 The email account that you tried to reach does not exist. Please try\n"
        "5.1.1 double-checking the recipient's email address for typos or\n"
        "5.1.1 unnecessary spaces. For more information, go to\n"
        "5.1.1  https://support.google.com/mail/?p=NoSuchUser d2e1a72fcca58-22a.12 - gsmtp",
    ),
    (550, "5.2.1 The email account that you tried to reach is disabled. - gsmtp"),
    (550, "5.2.1 The email account that you tried to reach is inactive. - gsmtp"),
    # Others
    (550, "5.1.1 <ana@b.example>: user does not exist"),
    (550, "#5.1.0 Address rejected, user unknown"),
    (550, "Message was not accepted -- invalid mailbox. Local mailbox ana@b.example is unavailable: user not found"),
    (550, "Mailbox not found. https://service.mail.example/rate-limit"),
    (550, "ana@b.example user ana is a user not listed in Domino Directory"),
    (550, "Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550"),
    (550, "This user doesn't have a b.example account"),
    (551, "user unknown"),
    # Whoever sent it is asked to see to it
    (550, "5.1.1 <ana@b.example>: Recipient not found. Please notify the sender to correct the address"),
    (554, "5.1.1 recipient unknown; please remove from sender list"),
    (550, "5.1.1 Mailbox <ana@b.example> does not exist, sender please check"),
    (550, "No such user here, sender please check"),
]

# Said of us, of our rate, of rules, of today; and what may be either.
NO_WORD = [
    # Postfix
    (550, f"5.1.0 <{US}>: Sender address rejected: User unknown in virtual mailbox table"),
    (550, f"5.1.1 <{US}>: Sender address rejected: undeliverable address"),
    (550, "5.1.1 <another@milepost.example>: Sender address rejected: User unknown in local recipient table"),
    (550, f"5.1.1 <{US}>: User unknown"),
    (550, f"5.1.7 <{US}>: Sender address rejected: Domain not found"),
    (553, f"5.1.8 <{US}>... Domain of sender address {US} does not exist"),
    (550, "5.7.25 Client host rejected: cannot find your reverse hostname, [192.0.2.1]"),
    (504, "5.5.2 <host>: Helo command rejected: need fully-qualified hostname"),
    (554, "5.7.1 <ana@b.example>: Relay access denied"),
    (554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example"),
    (550, "5.7.1 <ana@b.example>: Recipient address rejected: Please see the policy: no such user"),
    # Exim
    (
        550,
        f"Verification failed for <{US}>\nCalled: 192.0.2.1\nSent: RCPT TO:<{US}>\n"
        "Response: 550 5.1.1 User unknown\nSender verify failed",
    ),
    (550, "Verification failed for <another@milepost.example>\nNo Such User Here\nSender verify failed"),
    (550, "Callback setup failed while verifying: no such user"),
    (550, "relay not permitted"),
    (550, "Unrouteable address"),
    # qmail
    (553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
    (553, "sorry, your envelope sender is in my badmailfrom list (#5.7.1)"),
    # Exchange and Exchange Online
    (550, "5.4.1 Recipient address rejected: Access denied. AS(201806281) [AM1.prod.outlook.com]"),
    (550, "5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus"),
    (550, "5.5.0 Requested action not taken: mailbox unavailable"),
    (550, "5.1.8 Access denied, bad outbound sender"),
    (550, "5.2.1 Mailbox cannot be accessed"),
    (550, "5.7.124 RESOLVER.RST.SenderNotInAllowedSendersList; not authorized to send to the recipient"),
    # Gmail
    (
        550,
        "5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from"
        " being delivered. https://support.google.com/mail/?p=ReceivingRatePerm - gsmtp",
    ),
    (552, "5.2.2 The recipient's inbox is out of storage space and inactive. - gsmtp"),
    (550, "5.7.26 This mail is unauthenticated: SPF did not pass and DKIM did not pass - gsmtp"),
    (450, "4.2.1 The user you are trying to contact is receiving mail too quickly"),
    # Yahoo
    (553, "5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list"),
    (554, "Message not allowed - [PH01] Email not accepted for policy reasons"),
    (552, "1 Requested mail action aborted, mailbox not found"),
    # Others
    (550, "Host 10.5.1.1 blocked"),
    (550, "HELO 5.1.2.3 rejected: IP listed"),
    (550, "5.1.2.3 is not welcome here"),
    (550, "sender's domain does not exist"),
    (550, "5.1.1 sender unknown"),
    (550, "5.1.1 user unknown; please verify the sender address"),
    (550, "5.0.0 your reverse DNS does not exist"),
    (550, "Your IP address was not found in DNS"),
    (550, "Invalid mailbox quota; mailbox full"),
    (550, "Mailbox not found or access denied"),
    (550, "5.1.1 mailbox temporarily disabled"),
    (550, "said 5.1.1 behind us"),
    (550, "5.1.0 rejected"),
    (550, "blocked, see our list"),
    (554, "no such user"),
    (530, "5.7.0 must issue a STARTTLS command first"),
    (250, "5.1.1"),
]


@pytest.mark.parametrize(("code", "said"), NOT_THERE)
def test_a_mailbox_is_not_there_by_the_words_of_many_servers(code: int, said: str) -> None:
    assert no_such_mailbox(code, said, US)


@pytest.mark.parametrize(("code", "said"), NO_WORD)
def test_what_is_said_of_us_of_rules_or_of_today_is_no_word_about_a_mailbox(code: int, said: str) -> None:
    assert not no_such_mailbox(code, said, US)


OF_US = [
    (530, "5.7.0 Authentication required"),
    (530, "Must issue a STARTTLS command first"),
    (535, "5.7.8 Error: authentication failed"),
    (550, "5.7.8 not this time"),
    (554, "5.7.1 <ana@b.example>: Relay access denied"),
    (550, "5.7.1 Unable to relay"),
    (550, "5.7.1 Relaying to <ana@b.example> denied (authentication required)"),
    (550, "Unable to relay for the recipient's domain"),
    (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain"),
    (550, "relay not permitted"),
    (550, "5.7.1 Relaying denied. Proper authentication required."),
    (553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
    (553, f"5.7.1 <{US}>: Sender address rejected: not owned by user milepost"),
    (550, f"5.1.1 <{US}>: Sender address rejected: User unknown in local recipient table"),
    (550, "5.7.60 SMTP; Client does not have permissions to send as this"),
    (530, "5.7.57 Client not authenticated to send mail"),
    (554, "5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied"),
    (550, "5.7.25 cannot find your hostname"),
    (504, "5.5.2 <host>: Helo command rejected: need fully-qualified hostname"),
    (550, "5.7.26 This mail is unauthenticated: SPF did not pass and DKIM did not pass - gsmtp"),
    (554, "Message rejected: Email address is not verified."),
    # A sender that is refused
    (550, f"Verification failed for <{US}>\nNo Such User Here\nSender verify failed"),
    (550, "5.1.1 Sender verify failed"),
    (550, "Sender rejected"),
    (550, "sender's domain does not exist"),
    (553, "sorry, your envelope sender has been denied (#5.7.1)"),
    (553, f"5.1.8 <{US}>... Domain of sender address {US} does not exist"),
    (550, "5.7.503 Access denied, banned sender"),
    (550, "The from address does not match a verified Sender Identity. Mail cannot be sent until this is resolved."),
    (554, f"5.2.252 SendAsDenied; care@c.example not allowed to send as {US}; STOREDRV.Submission.Exception"),
    # Gmail: enough for today, and from where
    (550, "5.4.5 Daily user sending limit exceeded. For more information on Gmail - gsmtp"),
    (550, "5.4.5 Daily SMTP relay limit exceeded for customer. - gsmtp"),
    (550, "5.7.1 The IP you're using to send mail is not authorized to send email directly to our servers."),
    (550, "5.7.1 Invalid credentials for relay [192.0.2.1]"),
    # Amazon SES
    (554, "Message rejected: Sending suspended for this account."),
    (554, "Message rejected: Sending paused for this account."),
    (554, "Access denied: User `arn:aws:iam::1:user/m` is not authorized to perform `ses:SendRawEmail' on resource"),
    # Exchange Online
    (550, "5.7.501 Access denied, spam abuse detected from 192.0.2.1"),
    (550, "5.7.508 Access denied, 192.0.2.1 has exceeded permitted limits within 2001:db8::/64 range"),
    (550, "5.7.509 Access denied, sending domain milepost.example does not pass DMARC verification"),
    (550, "5.7.515 Access denied, sending domain doesn't meet the required level"),
    (550, "5.7.606 Access denied, banned sending IP [192.0.2.1]"),
    (550, "5.7.705 Access denied, tenant has exceeded threshold"),
    (550, "5.7.708 Access denied, traffic not accepted from this IP"),
    (550, "5.7.750 Service unavailable. Client blocked from sending from unregistered domains"),
    (550, "5.7.233 Your message can't be sent because your tenant exceeded its tenant external recipient rate limit"),
    (550, "5.1.90 Your message can't be sent because you've reached your daily limit for message recipients"),
    (554, "5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message"),
    # SendGrid, cPanel, Zoho, a policy server behind Postfix
    (550, "Maximum credits exceeded"),
    (550, "Domain milepost.example has exceeded the max emails per hour (100/100 (100%)) allowed. Message discarded."),
    (550, "Domain milepost.example has exceeded the max defers and failures per hour (5/5 (100%)) allowed."),
    (550, "5.4.6 Unusual sending activity detected. Please try after sometime."),
    (554, "5.7.1 <ana@b.example>: Recipient address rejected: Sending limit reached"),
    (550, "5.7.1 Email rejected per DMARC policy of milepost.example"),
]
# What a recipient, or who runs a group or a domain, has against us: it holds for that recipient alone.
THEIR_OWN = [
    (550, "5.7.1 <ana@b.example>: Recipient address rejected: sender is on the recipient's block list"),
    (554, "5.7.1 <ana@b.example>: Recipient address rejected: Blocked sender"),
    (550, "5.7.1 <ana@b.example> Recipient does not accept mail from this sender"),
    (550, "5.7.1 Sender blocked by recipient"),
    (550, "5.7.1 Sender rejected by user"),
    (550, "5.7.1 Sender is not allowed to post to this mailing list"),
    (550, "5.7.1 your IP is on the recipient's block list"),
    (550, "5.7.1 your IP is on the recipient’s block list"),
    (550, "Mailbox unavailable or access denied - sender is on recipient's block list"),
    # Exchange and Exchange Online
    (550, "5.7.1 RESOLVER.RST.AuthRequired; authentication required"),
    (550, "5.7.1 RESOLVER.RST.NotAuthorized; not authorized"),
    (550, "5.7.12 Sender was not authenticated by organization"),
    (550, "5.7.124 Sender not in allowed-senders list"),
    (
        550,
        "5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authorized to send to the recipient because the"
        " sender isn't on the recipient's list of senders to accept mail from",
    ),
    (
        550,
        "5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; Delivery restriction check failed because the sender was"
        " not authenticated when sending to this group",
    ),
    (550, "5.7.134 the sender was not authenticated when sending to this mailbox"),
    (550, "5.7.135 the sender was not authenticated"),
    (550, "5.7.136 the sender was not authenticated"),
    (550, "5.7.507 Access denied, rejected by recipient"),
    (550, "5.7.513 Service unavailable, Client host [192.0.2.1] blocked by b.example using Customer Block list"),
    (550, "5.7.703 Your message can't be delivered because messages to b.example are blocked by your organization"),
    (550, "5.2.122 The recipient has exceeded their limit for the number of messages they can receive per hour"),
    (552, "5.2.2 The recipient's inbox is over its daily quota. - gsmtp"),
    # Postfix, having asked the recipient's server
    (
        550,
        "5.1.1 <ana@b.example>: Recipient address rejected: undeliverable address: host mx.b.example[192.0.2.5] said:"
        " 550 5.7.1 Sender address rejected (in reply to RCPT TO command)",
    ),
]
NOT_OF_US = [
    *NOT_THERE,
    *THEIR_OWN,
    (552, "5.2.2 mailbox full"),
    (552, "5.3.4 too big"),
    (550, "5.7.1 rejected by policy"),
    (554, "5.6.0 content rejected"),
    (550, "5.7.1 <relay.sender@your-host.example>: Recipient address rejected: Access denied"),
    (550, "5.7.124 RESOLVER.RST.SenderNotInAllowedSendersList; not authorized to send to the recipient"),
    # GMX, Gmail, Exchange Online
    (550, "Requested action not taken: mailbox unavailable For explanation visit https://postmaster.gmx.net"),
    (552, "5.7.0 This message was blocked because its content presents a potential security issue. - gsmtp"),
    (550, "5.7.1 Our system has detected that this message is likely unsolicited mail. - gsmtp"),
    (550, "5.4.1 Recipient address rejected: Access denied. AS(201806281) [AM1.prod.outlook.com]"),
    (554, "Message rejected: Address blacklisted."),
]


@pytest.mark.parametrize(("code", "said"), OF_US)
def test_what_is_said_of_our_login_our_address_or_our_machine_is_of_us(code: int, said: str) -> None:
    assert is_of_us(code, said)
    assert not no_such_mailbox(code, said, US)


@pytest.mark.parametrize(("code", "said"), NOT_OF_US)
def test_what_is_said_of_a_mailbox_or_a_message_is_not_of_us(code: int, said: str) -> None:
    assert not is_of_us(code, said)


@pytest.mark.parametrize(("code", "said"), THEIR_OWN)
def test_what_a_recipients_own_rules_refuse_is_no_word_about_the_mailbox(code: int, said: str) -> None:
    assert not no_such_mailbox(code, said, US)
