"""What a vector consists of, and the folder it is written to."""
import json
import os
from dataclasses import dataclass, field

from openssl import FOLDER

CLIENT_ID = "PSDXX-NCA-12345"
ORGANIZATION_ID = "PSDXX-NCA-12345"
TIME = 1654635095
DATE = "Tue, 07 Jun 2022 20:51:35 GMT"  # the same second
RFC3339 = "2022-06-07T20:51:35Z"
REQUEST_ID = "95126d8f-ae9d-4ac3-ac9e-c357dcd78811"
HOST = "api.bank.example"

JSON = '{"instructedAmount":{"currency":"EUR","amount":"123.50"},"creditor":{"name":"Zażółć Sàrl"}}'


@dataclass
class Request:
    """A request as it is when it gets signed: what is to be there already, is."""
    method: str
    base: str  # what base_url has as its path
    path: str  # relative to it, with the query
    headers: dict
    body: str = ""
    host: str = HOST
    operation: str = ""  # only where the path does not tell

    @property
    def target(self):
        return self.base + self.path

    def header(self, name):
        for key, value in self.headers.items():
            if key.lower() == name:
                return value
        raise KeyError(name)


def get(base, path, **headers):
    return Request("GET", base, path, common(headers))


def post(base, path, body=JSON, **headers):
    return Request("POST", base, path, common({"Content-Type": "application/json", **named(headers)}), body)


def named(headers):
    """PSU_IP_Address="…" stands for the header PSU-IP-Address."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def common(headers):
    """What every call carries, signed or not."""
    return {"Accept": "application/json", "Authorization": "Bearer of-a-token", "Date": DATE,
            "X-Request-ID": REQUEST_ID, **named(headers)}


@dataclass
class Vector:
    profile: str  # bank or bank/variant
    name: str
    request: Request
    identity: str = "rsa"
    settings: dict = field(default_factory=dict)
    section: str = ""  # "application_signature"
    why: str = ""
    container: str = ""
    text: str = ""  # what is signed
    expect: dict = field(default_factory=dict)  # headers that signing sets
    deterministic: bool = True
    more: dict = field(default_factory=dict)  # what only some containers have

    def written(self):
        r = self.request
        out = {"profile": self.profile, "name": self.name, "why": self.why, "container": self.container,
               "identity": self.identity, "client_id": CLIENT_ID, "section": self.section, "settings": self.settings,
               "request": {"method": r.method, "base": r.base, "path": r.path, "host": r.host, "operation": r.operation,
                           "time": TIME, "headers": r.headers, "body": r.body},
               "signing_string": self.text, "deterministic": self.deterministic, "expect": self.expect, **self.more}
        return {key: value for key, value in out.items() if value not in ("", {})}


class Vectors:
    """Collects vectors, one file for each bank."""

    def __init__(self):
        self.banks = {}

    def add(self, vector):
        self.banks.setdefault(vector.profile.split("/")[0], []).append(vector)

    def write(self, keep):
        """Writes all. With keep, signatures that come out another way each time stay
        as they are where nothing that is signed has changed."""
        before = {}
        for name in os.listdir(FOLDER):
            if name.endswith(".json"):
                file = os.path.join(FOLDER, name)
                with open(file, encoding="utf-8") as f:
                    before.update({(v["profile"], v["name"]): v for v in json.load(f)})
                os.remove(file)
        for bank, vectors in self.banks.items():
            made = [v.written() for v in vectors]
            for v in made:
                old = before.get((v["profile"], v["name"]))
                if keep and not v["deterministic"] and old and unsigned_part(old) == unsigned_part(v):
                    v.update(old)
            with open(os.path.join(FOLDER, bank + ".json"), "w", encoding="utf-8") as f:
                json.dump(made, f, ensure_ascii=False, indent=1)
                f.write("\n")


def unsigned_part(v):
    return {key: value for key, value in v.items() if key not in ("expect", "body")}, sorted(v["expect"])


ALL = Vectors()


def unsigned(profile, name, request, why="", settings=None):
    """A request that leaves without Signature and Digest."""
    ALL.add(Vector(profile, name, request, container="none", why=why, settings=settings or {}))
