"""Keys, certificates, digests and signatures, all made by the openssl command.

Nothing here knows the code under test. The only hash that is not OpenSSL's is
SHA-512/160, which OpenSSL does not offer; its compression function is checked
against OpenSSL's SHA-512/256 each time.
"""
import base64
import os
import re
import subprocess
import tempfile

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEYS = os.path.join(FOLDER, "keys")


def openssl(*args, data=b""):
    done = subprocess.run(["openssl", *args], input=data, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"openssl {' '.join(args)}: {done.stderr.decode()}")
    return done.stdout


def b64(data):
    return base64.b64encode(data).decode()


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def digest(algorithm, data):
    return openssl("dgst", "-" + algorithm, "-binary", data=data)


# Names in the order of the certificate; OpenSSL has organizationIdentifier (2.5.4.97).
QTSP = "/C=XX/O=Test QTSP S.A./organizationIdentifier=NTRXX-123456789/CN=Test QSEAL CA 1"
NORDIC = "/C=NO/O=Test Ås AS/organizationIdentifier=NTRNO-983163327/CN=Test Østlandet CA"
MAIL = "/C=XX/O=Test QTSP/emailAddress=ca@qtsp.example/CN=Test QSEAL CA 2"
TPP = "/C=XX/O=Test TPP/organizationIdentifier=PSDXX-NCA-12345/CN=Test TPP QSEAL"

# identity: key, serial number, issuer
IDENTITIES = {
    "rsa": ("rsa-key.pem", 0x0D9EA5432EA92D25, QTSP),  # a leading nibble that is zero
    "nordic": ("rsa-key.pem", 0xD9EA5432EA92D254, NORDIC),  # the highest bit set; not ASCII
    "mail": ("rsa-key.pem", 0x9FA1, MAIL),
    "p256": ("p256-key.pem", 0x0A, QTSP),
}


def make_identities():
    """Makes what is missing, keeps what is there, and says whether it kept all."""
    kept = True
    os.makedirs(KEYS, exist_ok=True)
    for key, options in (
        ("rsa-key.pem", ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")),
        ("p256-key.pem", ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")),
    ):
        if not os.path.exists(os.path.join(KEYS, key)):
            openssl("genpkey", *options, "-out", os.path.join(KEYS, key))
            kept = False
    for name, (key, serial, issuer) in IDENTITIES.items():
        if os.path.exists(certificate_file(name)):
            continue
        with tempfile.TemporaryDirectory() as tmp:
            ca, ca_key, request = (os.path.join(tmp, f) for f in ("ca.pem", "ca-key.pem", "request.pem"))
            openssl("req", "-x509", "-new", "-newkey", "rsa:2048", "-nodes", "-utf8", "-subj", issuer,
                    "-days", "36500", "-keyout", ca_key, "-out", ca)
            openssl("req", "-new", "-utf8", "-key", os.path.join(KEYS, key), "-subj", TPP, "-out", request)
            openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-set_serial", hex(serial),
                    "-days", "36500", "-out", certificate_file(name))
        kept = False
    return kept


def certificate_file(identity):
    return os.path.join(KEYS, identity + ".pem")


def key_file(identity):
    return os.path.join(KEYS, IDENTITIES[identity][0])


def der(identity):
    return openssl("x509", "-in", certificate_file(identity), "-outform", "DER")


def pem_line(identity):
    with open(certificate_file(identity), encoding="ascii") as f:
        return f.read().replace("\n", "")


def serial(identity):
    """Upper case, whole bytes, as OpenSSL prints it."""
    out = openssl("x509", "-in", certificate_file(identity), "-noout", "-serial").decode().strip()
    return out.removeprefix("serial=")


def signature(identity, algorithm, text):
    """algorithm is one of the names of SIGNATURES."""
    hash_name, kind = SIGNATURES[algorithm]
    options = []
    if kind == "pss":
        options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest",
                   "-sigopt", "rsa_mgf1_md:" + hash_name]
    made = openssl("dgst", "-" + hash_name, "-sign", key_file(identity), *options, data=text)
    if kind == "raw":
        made = raw(made)
    return made


SIGNATURES = {
    "rsa-sha256": ("sha256", "pkcs1"),
    "rsa-sha384": ("sha384", "pkcs1"),
    "rsa-sha512": ("sha512", "pkcs1"),
    "rsa-pss-sha256": ("sha256", "pss"),
    "rsa-pss-sha512": ("sha512", "pss"),
    "ecdsa-sha256": ("sha256", "der"),
    "ecdsa-sha256-raw": ("sha256", "raw"),
}


def raw(asn1, size=32):
    """An ASN.1 ECDSA signature as r and s side by side."""
    text = openssl("asn1parse", "-inform", "DER", data=asn1).decode()
    numbers = re.findall(r"INTEGER +:([0-9A-F]+)", text)
    return b"".join(bytes.fromhex(n.zfill(2 * size)) for n in numbers)


# SHA-512/t (FIPS 180-4 sections 5.3.6 and 6.4). Round constants and initial
# values are the fractional parts of roots of primes, as the standard has them.

def primes(n):
    found, i = [], 2
    while len(found) < n:
        if all(i % p for p in found):
            found.append(i)
        i += 1
    return found


def root(n, k):
    """The integer part of the k-th root of n."""
    low, high = 0, 1 << (n.bit_length() // k + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle ** k <= n:
            low = middle
        else:
            high = middle - 1
    return low


MASK = (1 << 64) - 1
ROUND = [root(p << 192, 3) & MASK for p in primes(80)]
START = [root(p << 128, 2) & MASK for p in primes(8)]


def rotate(x, n):
    return (x >> n | x << (64 - n)) & MASK


def sha512(data, state):
    data = data + b"\x80" + bytes((111 - len(data)) % 128) + (8 * len(data)).to_bytes(16, "big")
    for at in range(0, len(data), 128):
        w = [int.from_bytes(data[at + i:at + i + 8], "big") for i in range(0, 128, 8)]
        for i in range(16, 80):
            s0 = rotate(w[i - 15], 1) ^ rotate(w[i - 15], 8) ^ w[i - 15] >> 7
            s1 = rotate(w[i - 2], 19) ^ rotate(w[i - 2], 61) ^ w[i - 2] >> 6
            w.append((w[i - 16] + s0 + w[i - 7] + s1) & MASK)
        a, b, c, d, e, f, g, h = state
        for i in range(80):
            s1 = rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)
            t1 = h + s1 + (e & f ^ ~e & g) + ROUND[i] + w[i]
            s0 = rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)
            t2 = s0 + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = (t1 + t2) & MASK, a, b, c, (d + t1) & MASK, e, f, g
        state = [(x + y) & MASK for x, y in zip(state, (a, b, c, d, e, f, g, h))]
    return state


def sha512_t(t, data):
    seed = sha512(f"SHA-512/{t}".encode(), [x ^ 0xA5A5A5A5A5A5A5A5 for x in START])
    return b"".join(x.to_bytes(8, "big") for x in sha512(data, seed))[:t // 8]


def sha512_160(data):
    assert sha512_t(256, data) == digest("sha512-256", data)
    return sha512_t(160, data)
