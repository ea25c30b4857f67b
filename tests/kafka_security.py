"""What makes a broker of the tests ask for TLS, or for a user, and what a client needs then.

With SASL there is USER, who may do everything, STRANGER, who may do nothing, and those of GRANTED, who may do what a
test gives them. With SSL alone a client shows a certificate.
"""

from pathlib import Path
from typing import Any

from certificates import Authority

USER, STRANGER = "spanpulse", "stranger"
GRANTED = ("init", "gateway", "worker", "leastworker", "dashboard", "unwatched")
PASSWORDS = {
    USER: "the user's p@ssword: $%&{}",
    STRANGER: "another-password",
    **{user: f"password-of-{user}" for user in GRANTED},
}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
LISTENER = "listener.name.client"
LOGIN = "org.apache.kafka.common.security"


class Security:
    """Of one cluster. ``protocol``: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""

    def __init__(self, protocol: str, folder: Path) -> None:
        self.protocol = protocol
        self._folder = folder / "certificates"
        self._properties: dict[str, str] = {}
        self._settings: dict[str, Any] = {"kafka_security_protocol": protocol}
        if protocol.endswith("SSL"):
            self._add_tls()
        if protocol.startswith("SASL"):
            self._add_users()

    @property
    def properties(self) -> dict[str, str]:
        """What server.properties has more."""
        return self._properties

    @property
    def settings(self) -> dict[str, Any]:
        """What the settings of a client have more."""
        return self._settings

    @property
    def format_options(self) -> list[str]:
        """What the storage is formatted with: the users of SCRAM."""
        if not self.protocol.startswith("SASL"):
            return []
        return [
            word
            for mechanism in MECHANISMS[1:]
            for user, password in PASSWORDS.items()
            for word in ("--add-scram", f'{mechanism}=[name="{user}",password="{password}"]')
        ]

    def _add_tls(self) -> None:
        authority = Authority(self._folder)
        issued, own = authority.issue("broker"), self._folder / "broker-both.pem"
        own.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())
        shown = self.protocol == "SSL"
        self._properties |= {
            f"{LISTENER}.ssl.keystore.type": "PEM",
            f"{LISTENER}.ssl.keystore.location": str(own),
            f"{LISTENER}.ssl.truststore.type": "PEM",
            f"{LISTENER}.ssl.truststore.location": str(authority.certificate),
            f"{LISTENER}.ssl.client.auth": "required" if shown else "none",
        }
        self._settings["kafka_ssl_ca"] = authority.certificate
        if shown:
            certificate, key = authority.issue("client")
            self._settings |= {"kafka_ssl_certificate": certificate, "kafka_ssl_key": key}

    def _add_users(self) -> None:
        users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
        self._properties |= {
            f"{LISTENER}.sasl.enabled.mechanisms": ",".join(MECHANISMS),
            f"{LISTENER}.plain.sasl.jaas.config": f"{LOGIN}.plain.PlainLoginModule required {users};",
            f"{LISTENER}.scram-sha-256.sasl.jaas.config": f"{LOGIN}.scram.ScramLoginModule required;",
            f"{LISTENER}.scram-sha-512.sasl.jaas.config": f"{LOGIN}.scram.ScramLoginModule required;",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:{USER}",  # nobody asks brokers among themselves who they are
        }
        self._settings |= {
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_username": USER,
            "kafka_sasl_password": PASSWORDS[USER],
        }
