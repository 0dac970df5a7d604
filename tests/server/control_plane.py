"""A control plane on a folder, and a client of it."""

import described
import signing
from starlette.testclient import TestClient

from pycape.server import FolderBlobs, LocalPlacement, Platform, Rate, Records, Services, create_app
from pycape.server.functions import function_blob
from pycape.server.readiness import Readiness

MANIFEST_KIND = 2
UNLIMITED = Rate(per_second=10_000, burst=10_000)


class Plane:
    """A control plane on a folder, with a client, and the clock in the test's hand."""

    def __init__(self, folder, rate=UNLIMITED, total=UNLIMITED):
        self.now = signing.now()
        self.folder = folder
        self.records = Records.open(f"sqlite:///{folder}/records.db")
        self.blobs = FolderBlobs(folder / "blobs")
        self.placement = LocalPlacement(lambda: self.now)
        self.services = Services(
            records=self.records,
            blobs=self.blobs,
            placement=self.placement,
            platform=lambda: Platform("00" * 32, "", "3.11", "x86_64", "", []),
            clock=lambda: self.now,
            readiness=Readiness(valid_seconds=0),
        )
        self.client = TestClient(create_app(self.services, rate=rate, total=total))
        self.client.event_hooks["response"].append(described.check)

    def close(self):
        self.records.close()

    def statement(self, method, path, text):
        headers = {"Content-Type": "application/jose"}
        return self.client.request(method, path, content=text, headers=headers)

    def take_in(self, manifest):
        """What an enclave does at deploy: store the manifest's blob. Returns the file."""
        file = self.folder / "blobs" / function_blob(MANIFEST_KIND, signing.checksum(manifest))
        file.write_bytes(b"sealed")
        return file

    def register(self, manifest):
        self.take_in(manifest)
        return self.statement("POST", "/v2/functions", manifest)

    def delete(self, account, function_id, **changes):
        path = f"/v2/functions/{function_id}"
        request = account.request("DELETE", path, **{"iat": self.now, **changes})
        return self.client.delete(path, headers={"Authorization": f"Cape {request}"})
