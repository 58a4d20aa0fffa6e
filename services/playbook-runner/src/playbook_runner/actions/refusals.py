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
# Enhanced codes of a sender, of logging in and encryption, of what others know of our machine (RFC 7372), and of those
# who may not relay or send in a name, as Exchange says it.
_US: Final = frozenset(
    {
        "5.1.7",
        "5.1.8",
        *(f"5.7.{one}" for one in (*range(8, 15), *range(20, 28))),
        "5.7.54",
        "5.7.57",
        "5.7.60",
        "5.7.64",
    }
)
_OF_US: Final = re.compile(
    r"\b(relay(s|ed|ing)?(?! recipient)|rcpthosts|badmailfrom|(un)?authenticat\w*|auth (is )?(required|first)|log ?in"
    r"|credentials|sender|helo|ehlo|reverse|r?dns|ptr|(the|your) ip|client host|your (host|server)"
    r"|not verified)\b",
    re.IGNORECASE,
)


def is_of_us(code: int, words: str) -> bool:
    """Return whether a server's final no is to us, whoever the mail is for: our login, our address, our machine.

    It holds for every mail until somebody has mended that, so it says nothing about this one.
    """
    plain = _without_names(words)
    found = _ENHANCED.match(plain)
    return code in _LOG_IN or (found is not None and found[1] in _US) or _OF_US.search(plain) is not None


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
    return " ".join(_NAMES.sub(" ", words).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
