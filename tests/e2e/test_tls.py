"""`pawsonalize serve` with a certificate of its own."""

import socket
import ssl
import threading
from pathlib import Path

import trustme

from tests.e2e.conftest import Server, Start
from tests.service_data import make_service
from tests.waiting import wait_until

AUTHORITY = trustme.CA()


def write_certificate(folder: Path) -> bytes:
    """A new certificate in the place of the old one, file by file; what clients see of it."""
    issued = AUTHORITY.issue_cert("127.0.0.1")
    (folder / "cert.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


def shown(server: Server) -> bytes:
    """The certificate that a new connection is shown, by one worker or the other."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    plain = socket.create_connection(("127.0.0.1", server.port))
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted:
        return encrypted.getpeercert(binary_form=True) or b""


def test_certificates_are_replaced_under_load_without_a_failed_request(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    make_service(folder)
    write_certificate(tmp_path)
    files = {"tls_certificate": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}
    server = start(folder, "--workers", "2", **files)
    done = threading.Event()
    answered, failed = [0] * 6, list[str]()

    def ask(n: int) -> None:
        while not done.is_set():
            with server.client() as client:  # each time a handshake, then a few requests
                for _ in range(3):
                    try:
                        told = client.post("/v1/recommendations", json={"userId": "ann"})
                    except Exception as error:  # noqa: BLE001 - it is reported
                        failed.append(repr(error))
                        return
                    if told.status_code != 200:
                        failed.append(told.text)
                    answered[n] += 1

    clients = [threading.Thread(target=ask, args=(n,)) for n in range(len(answered))]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            new = write_certificate(tmp_path)
            wait_until(lambda new=new: all(shown(server) == new for _ in range(8)))  # type: ignore[misc]
    finally:
        done.set()
        for client in clients:
            client.join()
    assert failed == []
    assert min(answered) > 0
    print(f"{sum(answered)} requests over TLS while 3 certificates were replaced, 0 failed")
