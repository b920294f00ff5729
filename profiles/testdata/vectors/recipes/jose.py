"""JSON Web Signatures, put together from what a recipe says in full."""
import json

from openssl import b64url, signature
from vector import ALL, Vector

ALGORITHMS = {"PS256": "rsa-pss-sha256", "RS256": "rsa-sha256", "ES256": "ecdsa-sha256-raw"}


def compact(identity, protected, payload, detached):
    """A JWS in compact form. With b64 false the payload is signed as it is."""
    head = b64url(json.dumps(protected, separators=(",", ":"), ensure_ascii=False).encode())
    body = b64url(payload) if protected.get("b64", True) else ""
    text = head.encode() + b"." + (body.encode() if body else payload)
    made = b64url(signature(identity, ALGORITHMS[protected["alg"]], text))
    return f"{head}.{'' if detached else body}.{made}", text.decode()


def jws(profile, name, request, *, protected, header="x-jws-signature", identity="rsa", settings=None, why=""):
    """A detached JWS of the body."""
    value, text = compact(identity, protected, request.body.encode(), detached=True)
    ALL.add(Vector(profile, name, request, identity=identity, settings=settings or {}, why=why, container="jws", text=text,
                   expect={header: value}, deterministic=False,
                   more={"protected": protected, "payload": request.body}))


def http_headers(profile, name, request, *, protected, pars, digest, header="x-jws-signature", identity="rsa", settings=None, why=""):
    """A detached JWS of headers (ETSI TS 119 182-1 section 5.2.8.2). protected lacks sigD."""
    lines = []
    for entry in pars.split():
        lines.append(f"{entry}: {value_of(request, digest, entry)}")
    payload = "\n".join(lines)
    protected = {**protected, "sigD": {"pars": pars.split(), "mId": "http://uri.etsi.org/19182/HttpHeaders"}}
    value, text = compact(identity, protected, payload.encode(), detached=True)
    ALL.add(Vector(profile, name, request, identity=identity, settings=settings or {}, why=why, container="http-headers-jws", text=text,
                   expect={header: value, **({"Digest": digest} if digest else {})}, deterministic=False,
                   more={"protected": protected, "payload": payload}))


def value_of(request, digest, entry):
    special = {"(request-target)": request.method.lower() + " " + request.target, "host": request.host,
               "content-length": len(request.body.encode()), "digest": digest}
    return special[entry] if entry in special else request.header(entry)


def jwt(profile, name, request, *, protected, claims, identity="rsa", settings=None, why="", content_type="application/jwt"):
    """The whole body as a JWT. A claim of "{uuid}" is made anew for each request."""
    sent = {**json.loads(request.body), **claims}
    fixed = json.loads(json.dumps(sent).replace("{uuid}", "7fc1a1fe-6bd4-4b33-8b8c-3c5d4f3f1f33"))
    value, text = compact(identity, protected, json.dumps(fixed, separators=(",", ":"), ensure_ascii=False).encode(), detached=False)
    ALL.add(Vector(profile, name, request, identity=identity, settings=settings or {}, why=why, container="jwt", text=text,
                   expect={"Content-Type": content_type}, deterministic=False,
                   more={"protected": protected, "claims": sent, "body": value}))


