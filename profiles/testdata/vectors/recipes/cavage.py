"""Signatures of draft-cavage, put together from what a recipe says in full."""
from openssl import b64, der, digest, pem_line, serial, sha512_160, signature
from vector import ALL, TIME, Vector


def sha256(text):
    return "SHA-256=" + b64(digest("sha256", text.encode()))


def sha512(text, prefix="sha-512"):
    return prefix + "=" + b64(digest("sha512", text.encode()))


def hex_serial(identity="rsa"):
    return serial(identity).lower().lstrip("0")


def decimal_serial(identity="rsa"):
    return str(int(serial(identity), 16))


def fingerprint(identity="rsa"):
    return digest("sha256", der(identity)).hex()


def fingerprint_160(identity="rsa"):
    text = sha512_160(der(identity)).hex()
    return ":".join(text[i:i + 2] for i in range(0, len(text), 2))


def berlin(identity="rsa"):
    return {"TPP-Signature-Certificate": b64(der(identity))}


def pem(identity="rsa"):
    return {"TPP-Signature-Certificate": pem_line(identity)}


def cavage(profile, name, request, *, signed, key_id, digest="", algorithm="rsa-sha256", label="", separator=",",
           certificate=None, between=(), identity="rsa", header="Signature", settings=None, section="", why="", names=None, charset=""):
    """Adds a vector.

    signed is the headers parameter, word for word; digest and certificate are
    the headers that go along; between are parameters before headers; charset
    is how the signature header is written if that is not UTF-8.
    """
    made = {**({"Digest": digest} if digest else {}), **(certificate or {})}
    lines = []
    for entry in signed.split():
        lines.append(f"{entry}: {value(request, made, entry)}")
    text = "\n".join(lines)
    b64_signature = b64(signature(identity, algorithm, text.encode()))
    parameters = [f'{(names or {}).get("keyId", "keyId")}="{key_id}"']
    if label != "none":
        parameters.append(f'algorithm="{label or algorithm}"')
    parameters += [*between, f'headers="{signed}"', f'signature="{b64_signature}"']
    made[header] = ("Signature " if header == "Authorization" else "") + separator.join(parameters)
    container = "authorization" if header == "Authorization" else "signature"
    ALL.add(Vector(profile, name, request, identity=identity, settings=settings or {}, section=section, why=why,
                   container=container, text=text, expect=made, deterministic=algorithm.startswith("rsa-sha"),
                   more={"charset": charset}))


def value(request, made, entry):
    if entry == "(request-target)":
        return request.method.lower() + " " + request.target
    if entry == "(created)":
        return TIME
    if entry == "(expires)":
        return TIME + 60
    if entry == "host":
        return request.host
    if entry == "content-length":
        return len(request.body.encode())
    for key, text in made.items():
        if key.lower() == entry:
            return text
    return request.header(entry)
