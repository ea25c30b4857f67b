"""Certificates for tests: an authority, and what it issues for 127.0.0.1 and clients, made by the openssl program."""

import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["Authority", "Issued"]

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]


class Issued(NamedTuple):
    """Two files in PEM."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates; its own is ``certificate``. All files are in ``folder``, which is made."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = name
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        openssl(
            *("req", "-x509", *CURVE, "-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, name: str) -> Issued:
        """Make a key, and a certificate for 127.0.0.1 and localhost."""
        issued = Issued(self._folder / f"{self._name}-{name}.pem", self._folder / f"{self._name}-{name}.key")
        openssl(
            *("req", "-x509", "-CA", str(self.certificate), "-CAkey", str(self._key), *CURVE, "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth"),
            *("-keyout", str(issued.key), "-out", str(issued.certificate)),
        )
        return issued


def openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert not done.returncode, done.stderr
