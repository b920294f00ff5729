"""HTTP message signatures of RFC 9421, put together from what a recipe says."""
from openssl import b64, digest, signature
from vector import ALL, TIME, Vector


def message_signature(profile, name, request, *, components, more, algorithm, identity="rsa", label="sig1", settings=None, why=""):
    """more are the parameters after created. Content-Digest (RFC 9530) goes along
    whenever there is a body."""
    made = {}
    if request.body:
        made["Content-Digest"] = f"sha-256=:{b64(digest('sha256', request.body.encode()))}:"
    values = {"@method": request.method, "@target-uri": "https://" + request.host + request.target,
              "@authority": request.host, "content-digest": made.get("Content-Digest")}
    lines = [f'"{c}": {values[c] if c in values else request.header(c)}' for c in components]
    names = " ".join(f'"{c}"' for c in components)
    params = f'({names});created={TIME}{more}'
    text = "\n".join([*lines, f'"@signature-params": {params}'])
    made["Signature-Input"] = f"{label}={params}"
    made["Signature"] = f"{label}=:{b64(signature(identity, algorithm, text.encode()))}:"
    ALL.add(Vector(profile, name, request, identity=identity, settings=settings or {}, why=why, container="message-signature",
                   text=text, expect=made, deterministic=algorithm.startswith("rsa-sha")))
