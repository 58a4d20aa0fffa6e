"""What a mail server's refusal of a recipient means: that the mailbox is not there, or something else; it is pure.

Only the first says anything about the person. A policy, a block list, a full mailbox or a sender that is not welcome
says something about us, or about today.
"""

import re
from typing import Final

# Enhanced codes (RFC 3463) of a mailbox or a domain that is not there, is not written so, has moved, takes no mail at
# all (RFC 7505), or was switched off.
_GONE: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
# Codes that say as little as none: the words have to.
_VAGUE: Final = frozenset({"5.0.0", "5.1.0"})
# What SMTP itself says of mailboxes (RFC 5321, 4.2.3); 550 is also said for reasons of policy.
_OF_MAILBOXES: Final = frozenset({550, 551, 553})
_ENHANCED: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_SAID: Final = re.compile(
    r"(no such|unknown|invalid|non-?existent) (local )?(user|recipient|mailbox|account|address)"
    r"|(user|recipient|mailbox|account|address)( is| was)? (unknown|not found|not known|invalid|does(n't| not) exist)"
    r"|(no|not a(ny)?) (known )?(user|mailbox|recipient) (here|by that name|found)"
    r"|does(n't| not) (exist|have an? [a-z.]* ?(account|mailbox))",
    re.IGNORECASE,
)


def no_such_mailbox(code: int, words: str) -> bool:
    """Return whether a server's answer to RCPT says that there will never be anybody under this address.

    The enhanced code decides where there is one; without it the words have to say so plainly, as servers answer 550
    also to whom they merely do not like.
    """
    if not 500 <= code < 600:
        return False
    found = _ENHANCED.search(words)
    if found is not None and found[1] not in _VAGUE:
        return found[1] in _GONE
    return code in _OF_MAILBOXES and _SAID.search(words) is not None
