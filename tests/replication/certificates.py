"""Certificates and keys for the hosts of a link, as its operator makes them."""

import subprocess


def make(directory, name, kind="ec"):
    """A key and its certificate. Returns their paths."""
    key, certificate = directory / f"{name}.key", directory / f"{name}.crt"
    kinds = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}
    command = ["openssl", "req", "-x509", "-newkey", *kinds[kind], "-nodes", "-days", "36500"]
    files = ["-keyout", key, "-out", certificate]
    subprocess.run([*command, "-subj", f"/CN={name}", *files], check=True, capture_output=True)
    key.chmod(0o600)
    return certificate, key


def settings(own, peer_certificate):
    """The section `tls`; own is what `make` returned."""
    certificate, key = own
    return {"certificate": certificate, "key": key, "peer_certificate": peer_certificate}
