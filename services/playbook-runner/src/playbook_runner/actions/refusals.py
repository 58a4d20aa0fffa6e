"""What a mail server's refusal means: a mailbox is not there, we are not let in, or something else; it is pure.

Only the first says anything about the person. A policy, a block list, a full mailbox or a sender that is not welcome
says something about us, or about today. In doubt it is no word about anybody.
"""

import re
from typing import Final

# Enhanced codes (RFC 3463) of a mailbox or a domain that is not there, is not written so, has moved, or takes no mail
# at all (RFC 7505).
_GONE: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
# A mailbox that takes no mail: switched off for good, or only for now. The words have to say which.
_SWITCHED_OFF: Final = "5.2.1"
_OFF: Final = re.compile(r"\b(disabled|inactive|deactivated|discontinued|closed|deleted|removed)\b", re.IGNORECASE)
# Codes that say as little as none: the words have to.
_VAGUE: Final = frozenset({"5.0.0", "5.1.0"})
# What SMTP itself says of mailboxes (RFC 5321, 4.2.3), and 511 as some servers say it; 550 is also said for reasons of
# policy.
_OF_MAILBOXES: Final = frozenset({511, 550, 551, 553})
# Where a server puts its code: before everything else. Numbers like it further on are addresses of machines, or the
# answer of another server about another mailbox.
_ENHANCED: Final = re.compile(r"[#\s]*(5\.\d{1,3}\.\d{1,3})(?![\w.])")
# Addresses and links are names, whatever words are in them.
_NAMES: Final = re.compile(r"\S*@\S*|\S+://\S*")
# What the sender is asked to do is nothing that is said of the sender.
_ASKED: Final = re.compile(
    r"\bsender,? please\b|\bplease (notify|tell|inform|ask|remove)\b[^.;:]{0,30}\bsender('s)?( list)?\b", re.IGNORECASE
)
_SAID: Final = re.compile(
    r"\b(no such|unknown|invalid|non-?existent) (local )?(user|recipient|mailbox|account|address|person)\b"
    r"|\b(user|recipient|mailbox|account|address)( is| was)? (unknown|not found|not known|invalid)\b"
    r"|\b(user|recipient|mailbox|account|address)\b[^.;:]{0,40} (does(n't| not) exist|not listed)\b"
    r"|\b(no|not a(ny)?) (known )?(user|mailbox|recipient) (here|by that name|found)\b"
    r"|\b(user|recipient)\b.{0,20} (does(n't| not) have|has no) (an? )?([\w.-]+ )?(account|mailbox)\b",
    re.IGNORECASE,
)
# What is said of the sender, of how much and from where we send, of rules, of today, or of another server's answer.
_NOT_OF_THEM: Final = re.compile(
    r"\b(sender|from|return.?path|verif\w*|call(out|back)\w*|helo|ehlo|reverse|r?dns|ptr|ip|client|your (host|server|"
    r"domain)|spf|dkim|dmarc|authenti\w*|rates?|limit\w*|too|throttl\w*|frequency|block\w*|(black|deny|white)-?list\w*"
    r"|rbl|spam\w*|abuse\w*|reputation|policy|prohibit\w*|denied|permitted|allowed|relaying|quota|full|exceed\w*|"
    r"storage|space|size|temporar\w*|later|greylist\w*|suspended|maintenance)\b|(?<!not )\blisted\b",
    re.IGNORECASE,
)
# What RFC 4954 says to who has to log in first, or could not.
_LOG_IN: Final = frozenset({530, 534, 535, 538})
# Enhanced codes of a sender, of logging in and encryption, of what others know of our machine (RFC 7372), and, as
# Exchange says it, of those who may not relay or send in a name, are banned, or have sent enough for today.
_US: Final = frozenset(
    {
        "5.1.7",
        "5.1.8",
        "5.1.90",
        "5.2.252",
        *(f"5.7.{one}" for one in (*range(8, 15), *range(20, 28), 54, 57, 60, 64, 232, 233)),
        *(f"5.7.{one}" for one in (501, 502, 503, 506, 508, 509, 511, 515, *range(606, 650), 750)),
        # 5.7.703 is a recipient on our own organization's block list.
        *(f"5.7.{one}" for one in range(700, 750) if one != 703),
    }
)
# Enhanced codes of a recipient, as Exchange says it: who may write to a mailbox or a group, whom it has banned.
_THEM: Final = _GONE | {f"5.7.{one}" for one in (124, 129, 133, 134, 135, 136, 504, 505, 507, 510, 513, 703)}
# Any code of a mailbox (RFC 3463, 3.3).
_OF_A_MAILBOX: Final = "5.2."
# What a recipient's own rules and lists say, whatever they have against us.
_THEIR_RULES: Final = re.compile(
    r"\bresolver\.rst\.|\bdelivery restriction\b|\ballowed.senders\b|\bcustomer block"
    r"|\b(send|post|writ)(e|ing)? to (this|the) (group|mailbox|mail user|public folder|(mailing )?list)\b"
    r"|\bby (the )?(recipient|addressee|user|organization)\b|\brecipient('s (?!domain|server|address)| has\b)",
    re.IGNORECASE,
)
# Said of the sender whatever the code is: servers say 5.1.1 of a sender too, and Exchange 5.2.0 of who may not send.
_OF_THE_SENDER: Final = re.compile(
    r"^(?!.*\brecipient address rejected\b).*\bsender (address rejected|verif)"
    r"|SendAsDenied|OutboundSpam|SubmissionQuotaExceeded",
    re.IGNORECASE,
)
_OF_US: Final = re.compile(
    r"\b(relay(s|ed|ing)?(?! recipient)|rcpthosts|badmailfrom|(un)?authenticat\w*|auth (is )?(required|first)|log ?in"
    r"|credentials|helo|ehlo|reverse|r?dns|ptr|spf|dkim|dmarc|(the|your) ip|client host|your (smtp )?account"
    r"|your (host|server)|not verified|sending (limits?|quota|suspended|paused)|unusual sending|credits"
    r"|max \w+( and \w+)? per (hour|day)|daily\b.{0,40}\b(limits?|quota)"
    r"|not authori[sz]ed to (perform|send email))\b",
    re.IGNORECASE,
)
# A sender that is refused, where no recipient is spoken of: with one it may be who refuses.
_SENDER_REFUSED: Final = re.compile(
    r"^(?!.*\brecipient).*"
    r"(\b(envelope|invalid|unknown|(un)?verified|unauthori[sz]ed|banned|bad|domain of) sender\b"
    r"|\bsender('s)?( address| domain)?( is| was)? (rejected|refused|denied|not|unknown|invalid|blocked|banned|does))",
    re.IGNORECASE,
)


def is_of_us(code: int, words: str) -> bool:
    """Return whether a server's final no is to us, whoever the mail is for: our login, our address, how much we send.

    It holds for every mail until somebody has mended that, so it says nothing about this one. What a recipient's own
    rules or lists have against us holds for that recipient alone, so it is none.
    """
    plain = _without_names(words)
    if code in _LOG_IN or _OF_THE_SENDER.search(plain):
        return True
    found = _ENHANCED.match(plain)
    enhanced = found[1] if found else ""
    if _THEIR_RULES.search(plain) or enhanced in _THEM:
        return False
    if enhanced in _US:
        return True
    if enhanced.startswith(_OF_A_MAILBOX):
        return False
    return _OF_US.search(plain) is not None or _SENDER_REFUSED.search(plain) is not None


def no_such_mailbox(code: int, words: str, sender: str = "") -> bool:
    """Return whether a server's answer to RCPT says that there will never be anybody under this address.

    The enhanced code at its beginning decides where there is one; without it the words have to say so plainly, as
    servers answer 550 also to whom they merely do not like. What names our own address `sender`, or speaks of anything
    but the mailbox, says nothing.
    """
    if not 500 <= code < 600 or (sender and sender.casefold() in words.casefold()):
        return False
    plain = _without_names(words)
    if _NOT_OF_THEM.search(plain):
        return False
    found = _ENHANCED.match(plain)
    if found is None or found[1] in _VAGUE:
        return code in _OF_MAILBOXES and _SAID.search(plain) is not None
    return found[1] in _GONE or (found[1] == _SWITCHED_OFF and _OFF.search(plain) is not None)


def _without_names(words: str) -> str:
    plain = " ".join(_NAMES.sub(" ", words).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    return _ASKED.sub(" ", plain)
