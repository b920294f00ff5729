"""France: banks of the STET standard, and the enhanced form of Belgium."""
from cavage import cavage, fingerprint, fingerprint_160, hex_serial, sha256
from openssl import b64, der
from vector import CLIENT_ID, get, post, unsigned

# The names of the test certificates' issuers as RFC 2253 has them, with the JDK's
# spelling of attributes that the RFC has no name for: OID and DER in hex.
ISSUER = "CN=Test QSEAL CA 1,2.5.4.97=#0c0f" + b"NTRXX-123456789".hex() + ",O=Test QTSP S.A.,C=XX"
NORDIC_ISSUER = "CN=Test Østlandet CA,2.5.4.97=#0c0f" + b"NTRNO-983163327".hex() + ",O=Test Ås AS,C=NO"
SN_CA = f"SN={hex_serial()},CA={ISSUER}"

NOTHING = sha256("")
PSU = {"PSU_IP_Address": "203.0.113.7", "PSU_User_Agent": "Agent/1.0 (a, b)"}
URL = "https://tpp.example/qseal.pem"


def url(address):
    return {"signature": {"key_id": {"url": address}}}


def kid(value):
    return {"signature": {"key_id": {"value": value}}}


# The standard itself: the certificate's address ends in its fingerprint.
base, address = "/psd2/v1.6", "https://tpp.example/qseal_{fingerprint}"
key_id = "https://tpp.example/qseal_" + fingerprint()
cavage("stet", "read", get(base, "/accounts?a=b"), settings=url(address), key_id=key_id, signed="(request-target) date")
request = post(base, "/payment-requests", **PSU)
cavage("stet", "payment", request, settings=url(address), key_id=key_id, digest=sha256(request.body),
       signed="(request-target) digest content-type content-length date psu-ip-address psu-user-agent")

# BPCE: what STET part 1 section 3.5 asks for. Three forms of keyId are in use.
for bank, version in (("bpce", "v1.4.2"), ("bpce-v1", "v1.4.0")):
    base = "/stet/psd2/" + version
    for variant, key_id, settings in (
        ("", SN_CA, {}),
        ("/certificate-url", URL, url(URL)),
        ("/client-id", CLIENT_ID, {}),
    ):
        cavage(bank + variant, "read without PSU", get(base, "/accounts?page=2"), settings=settings,
               signed="(request-target) date x-request-id", key_id=key_id)
        request = post(base, "/funds-confirmations?a=%2F&b=", **PSU)
        cavage(bank + variant, "funds confirmation with PSU", request, settings=settings, digest=sha256(request.body),
               signed="(request-target) date x-request-id digest content-type psu-ip-address psu-user-agent", key_id=key_id)
cavage("bpce", "issuer that is not ASCII", get("/stet/psd2/v1.4.2", "/accounts"), identity="nordic",
       signed="(request-target) date x-request-id", key_id=f"SN={hex_serial('nordic')},CA={NORDIC_ISSUER}")

# Crédit Agricole: whichever of a fixed list are present; a serial number alone.
base = "/dsp2/v1"
cavage("credit-agricole", "read", get(base, "/accounts", **PSU), separator=", ", key_id=hex_serial(),
       signed="(request-target) accept host date x-request-id authorization")
request = post(base, "/funds-confirmations", **PSU)
cavage("credit-agricole", "funds confirmation", request, separator=", ", key_id=hex_serial(), digest=sha256(request.body),
       signed="(request-target) accept host date content-type x-request-id digest authorization")

# LCL: account information signs less than payments; Digest is sent with all.
cavage("lcl", "read", get("/aisp", "/accounts?a=b", **PSU), separator=", ", key_id=URL, settings=url(URL),
       digest=NOTHING, signed="(request-target) date")
request = post("/pisp", "/payment-requests", **PSU)
cavage("lcl", "payment", request, separator=", ", key_id=URL, settings=url(URL),
       digest=sha256(request.body), signed="(request-target) date digest")

# Société Générale: no request-target; a header with the client's id; SHA-512/160.
base, address = "/psd2/stet/v1.4.2", "https://tpp.example/{fingerprint}.pem"
key_id = f"https://tpp.example/{fingerprint_160()}.pem"
cavage("societe-generale", "read", get(base, "/accounts", client_id="0123-abc"), settings=url(address), key_id=key_id,
       digest=NOTHING, signed="client-id digest x-request-id")
request = post(base, "/payment-requests", client_id="0123-abc", **PSU)
cavage("societe-generale", "payment", request, settings=url(address), key_id=key_id,
       digest=sha256(request.body), signed="client-id digest x-request-id")

base = "/pis/v2"
cavage("societe-generale-fintecture", "read", get(base, "/payments/1"), settings=kid("app-1234"), key_id="app-1234",
       signed="(request-target) date x-request-id")
request = post(base, "/payments")
cavage("societe-generale-fintecture", "payment", request, settings=kid("app-1234"), key_id="app-1234",
       digest=sha256(request.body), signed="(request-target) date digest x-request-id")

# Crédit Mutuel and CIC: the portal's list, and what a client sent.
base = "/cic/stet-psd2-api/v1.4.2"
cavage("credit-mutuel", "read", get(base, "/accounts", **PSU), settings=kid("kid-2"), key_id="kid-2", separator=", ",
       signed="host date x-request-id")
request = post(base, "/payment-requests", **PSU)
cavage("credit-mutuel", "payment", request, settings=kid("kid-2"), key_id="kid-2", separator=", ",
       digest=sha256(request.body), signed="host date x-request-id content-type digest")
cavage("credit-mutuel/client", "read", get(base, "/accounts"), settings=kid("kid-2"), key_id="kid-2", separator=", ",
       signed="(request-target) host date x-request-id")
cavage("credit-mutuel/client", "payment", request, settings=kid("kid-2"), key_id="kid-2", separator=", ",
       digest=sha256(request.body), signed="(request-target) host date content-type x-request-id digest psu-ip-address")

base, address = "/psd2/v1", "https://tpp.example/qseal_{fingerprint}"
key_id = "https://tpp.example/qseal_" + fingerprint()
cavage("credit-mutuel-arkea", "read", get(base, "/accounts"), settings=url(address), key_id=key_id, separator=", ",
       digest=NOTHING, signed="(request-target) x-request-id digest")
request = post(base, "/funds-confirmations", **PSU)
cavage("credit-mutuel-arkea", "funds confirmation", request, settings=url(address), key_id=key_id, separator=", ",
       digest=sha256(request.body), signed="(request-target) x-request-id digest psu-ip-address")

# Boursorama: the certificate itself as keyId, or its address.
base = "/services/api/v1.7/_public_/dsp2"
for variant, key_id, settings in (("", b64(der("rsa")), {}), ("/certificate-url", URL, url(URL))):
    cavage("boursorama" + variant, "read", get(base, "/accounts", **PSU), settings=settings, key_id=key_id,
           digest=NOTHING, signed="(request-target) digest psu-ip-address x-request-id")
    request = post(base, "/payment-requests", **PSU)
    cavage("boursorama" + variant, "payment", request, settings=settings, key_id=key_id,
           digest=sha256(request.body), signed="(request-target) digest psu-ip-address x-request-id")

# BNP Paribas signs all there is, in no order that is known; Fortis a list with times in brackets.
base = "/psd2/v1.4.1"
cavage("bnp-paribas", "read", get(base, "/accounts", **PSU), settings=url(URL), key_id=URL, separator=", ",
       signed="(request-target) accept authorization date psu-ip-address psu-user-agent x-request-id")
request = post(base, "/payment-requests")
cavage("bnp-paribas", "payment", request, settings=url(URL), key_id=URL, separator=", ", digest=sha256(request.body),
       signed="(request-target) digest accept authorization content-type date x-request-id")

base, address = "/psd2/v2", "https://tpp.example/{fingerprint}.pem"
key_id = f"https://tpp.example/{fingerprint_160()}.pem"
times = ("(created)=1654635095", "(expires)=1654635155")
signed = "(request-target) (created) (expires) host x-request-id digest"
cavage("bnp-paribas-fortis", "read", get(base, "/accounts?bank=fortis"), settings=url(address), key_id=key_id,
       between=times, digest=NOTHING, signed=signed)
request = post(base, "/payment-requests", **PSU)
cavage("bnp-paribas-fortis", "payment", request, settings=url(address), key_id=key_id,
       between=times, digest=sha256(request.body), signed=signed)

# Nickel's page names keyId and Digest only; the list is STET's.
base, ETSI = "/v1", {"tpp_signature_timestamp": "1654635095", "tpp_etsi_authorization_number": CLIENT_ID}
cavage("nickel", "read", get(base, "/accounts", **ETSI, **PSU), settings=url(URL), key_id=URL,
       signed="(request-target) date x-request-id psu-ip-address psu-user-agent")
request = post(base, "/funds-confirmations", **ETSI)
cavage("nickel", "funds confirmation", request, settings=url(URL), key_id=URL, digest=sha256(request.body),
       signed="(request-target) date x-request-id digest content-type")

# Qonto: Digest always, the length of what is there.
base = "/v2/psd2"
cavage("qonto", "read", get(base, "/accounts", **PSU), settings=url(address), key_id="https://tpp.example/" + fingerprint() + ".pem",
       digest=NOTHING, signed="(request-target) digest date psu-ip-address psu-user-agent")
request = post(base, "/funds-confirmations", **PSU)
cavage("qonto", "funds confirmation", request, settings=url(address), key_id="https://tpp.example/" + fingerprint() + ".pem",
       digest=sha256(request.body), signed="(request-target) digest content-type content-length date psu-ip-address psu-user-agent")

# La Banque Postale: account information goes unsigned.
unsigned("la-banque-postale", "read", get("/v1", "/accounts"))
