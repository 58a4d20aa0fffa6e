"""What the deployment's secret key is good for: sealing secrets of connections, signing what comes back to us."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken


class SealBroken(Exception):
    """The text was not sealed or signed with this deployment's key, or was changed."""


class Vault:
    """Seals and signs under keys derived from the deployment's secret, one per purpose."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._fernet = Fernet(base64.urlsafe_b64encode(self._derive("seal")))

    def seal(self, plain: bytes) -> bytes:
        """Return the plain bytes encrypted and authenticated."""
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """Return the plain bytes; raises SealBroken."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise SealBroken("not sealed with this deployment's MILEPOST_SECRET_KEY") from None

    def sign(self, purpose: str, text: str) -> str:
        """Return `<text>.<signature>`, both URL-safe; a signature for one purpose is worthless for another."""
        body = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
        return f"{body}.{self._signature(purpose, body)}"

    def unsign(self, purpose: str, signed: str) -> str:
        """Return the text that was signed for this purpose; raises SealBroken."""
        body, _, signature = signed.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(purpose, body).encode()):
            raise SealBroken("the signature does not fit")
        try:
            return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
        except ValueError:
            raise SealBroken("not a signed text") from None

    def digest(self, purpose: str, text: str) -> bytes:
        """Return 32 bytes that stand for a text and tell nothing of it to who lacks the deployment's secret."""
        return hmac.digest(self._derive(f"digest {purpose}"), text.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def _signature(self, purpose: str, body: str) -> str:
        raw = hmac.digest(self._derive(f"sign {purpose}"), body.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, f"milepost {purpose}".encode(), hashlib.sha256)
