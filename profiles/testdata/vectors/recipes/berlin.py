"""Berlin Group NextGenPSD2 1.3, and the forms that its banks and hubs gave it."""
from cavage import berlin, cavage, decimal_serial, hex_serial, pem, sha256, sha512
from openssl import b64, der, serial
from stet import ISSUER, NORDIC_ISSUER, NOTHING, PSU
from vector import get, post

BASE = "/psd2/v1"
ID = {"PSU_ID": "PSU-1234"}
BACK = {"TPP_Redirect_URI": "https://tpp.example/cb?x=1"}
CORPORATE = {"PSU_Corporate_ID": "C-99"}
PAYMENT = "/payments/sepa-credit-transfers"

# Names again, as banks differ in them; written from the certificates' names.
MAIL_ISSUER = "CN=Test QSEAL CA 2,1.2.840.113549.1.9.1=#160f" + b"ca@qtsp.example".hex() + ",O=Test QTSP,C=XX"
SUBJECT = "CN=Test TPP QSEAL,2.5.4.97=#0c0f" + b"PSDXX-NCA-12345".hex() + ",O=Test TPP,C=XX"
NO_SPACES = ISSUER.replace(" ", "")
PERCENT = ISSUER.replace(" ", "%20")
SUBJECT_NO_SPACES = SUBJECT.replace(" ", "")
RFC1779 = "CN=Test QSEAL CA 1, OID.2.5.4.97=NTRXX-123456789, O=Test QTSP S.A., C=XX"
BACKWARDS = "C=XX,O=TestQTSPS.A.,2.5.4.97=#0c0f" + b"NTRXX-123456789".hex() + ",CN=TestQSEALCA1"


def pair(profile, key_id, *, read, payment, digests=(sha256, NOTHING), certificate=berlin, identity="rsa", headers=None, **more):
    """A read without a PSU, and a payment of a PSU with a place to come back to."""
    of_body, of_nothing = digests
    headers = headers or {}
    cavage(profile, "read", get(BASE, "/accounts?withBalance=true", **headers), signed=read, key_id=key_id,
           digest=of_nothing, certificate=certificate(identity), identity=identity, **more)
    request = post(BASE, PAYMENT, **ID, **BACK, **PSU, **headers)
    cavage(profile, "payment", request, signed=payment, key_id=key_id,
           digest=of_body(request.body), certificate=certificate(identity), identity=identity, **more)


def none(_):
    return {}


# The text of the standard, with date (1.3) and without (1.3.4 and later).
key_id = f"SN={hex_serial()},CA={PERCENT}"
pair("berlin-group", key_id, read="digest x-request-id date", payment="digest x-request-id psu-id tpp-redirect-uri date")
request = post(BASE, "/consents", **ID, **CORPORATE)
cavage("berlin-group", "consent of a company", request, signed="digest x-request-id psu-id psu-corporate-id date",
       key_id=key_id, digest=sha256(request.body), certificate=berlin())
cavage("berlin-group", "an elliptic curve", get(BASE, "/accounts"), identity="p256", algorithm="ecdsa-sha256",
       signed="digest x-request-id date", key_id=f"SN=a,CA={PERCENT}", digest=NOTHING, certificate=berlin("p256"))
pair("berlin-group/no-date", key_id, read="digest x-request-id", payment="digest x-request-id psu-id tpp-redirect-uri")
pair("berlin-group/keep-spaces", f"SN={hex_serial()},CA={ISSUER}",
     read="digest x-request-id date", payment="digest x-request-id psu-id tpp-redirect-uri date")

# adorsys XS2A: alphabetical; its sandbox wants PEM on one line.
for variant, label in (("", ""), ("/sha256withrsa", "SHA256withRSA")):
    pair("adorsys-xs2a" + variant, key_id, read="date digest x-request-id",
         payment="date digest psu-id tpp-redirect-uri x-request-id", certificate=pem, label=label)

# WSO2: {} for a body that is not there, names as the JDK has them, date on payments.
pair("wso2", f"SN=9fa1,CA={MAIL_ISSUER}", identity="mail", digests=(sha256, sha256("{}")),
     read="digest x-request-id", payment="digest x-request-id psu-id tpp-redirect-uri date")

# Decimal serial numbers and names without spaces.
key_id = f"SN={decimal_serial()},CA={NO_SPACES}"
pair("atruvia", key_id, read="digest x-request-id", payment="digest x-request-id psu-id")
pair("atruvia/psu-id-first", key_id, read="digest x-request-id", payment="digest psu-id x-request-id")
pair("argenta", key_id, read="date digest x-request-id", payment="date digest psu-id tpp-redirect-uri x-request-id")
key_id = f"SN={decimal_serial()},CA={SUBJECT_NO_SPACES}"
pair("knab", key_id, read="date digest x-request-id", payment="date digest psu-id tpp-redirect-uri x-request-id")
pair("knab/list-order", key_id, read="digest x-request-id date", payment="digest x-request-id psu-id tpp-redirect-uri date")

# Redsys: the document's form, and a client's. No date.
pair("redsys", f"SN={hex_serial()},CA={PERCENT.replace(',', '%2C')}", label="SHA-256",
     read="digest x-request-id", payment="digest x-request-id psu-id tpp-redirect-uri")
pair("redsys/subject-decimal", key_id, label="SHA-256",
     read="digest x-request-id", payment="digest x-request-id psu-id tpp-redirect-uri")

pair("triodos", f"SN={hex_serial()},CA={RFC1779}", read="digest x-request-id", payment="digest x-request-id")

# SHA-512 and the decimal serial number alone.
SHA512 = (sha512, sha512(""))
pair("rabobank", decimal_serial(), digests=SHA512, algorithm="rsa-sha512",
     read="date digest x-request-id", payment="date digest x-request-id tpp-redirect-uri")
pair("rabobank/rsa-sha256", decimal_serial(), digests=SHA512,
     read="date digest x-request-id", payment="date digest x-request-id tpp-redirect-uri")
pair("cec", decimal_serial(), digests=SHA512, algorithm="rsa-sha512",
     read="date digest x-request-id", payment="date digest x-request-id")
pair("cbi-globe", decimal_serial(), digests=SHA512, algorithm="rsa-sha512", settings={"headers": {"set": {"aspsp-code": "BANK1"}}},
     read="date digest x-request-id", payment="date digest psu-id tpp-redirect-uri x-request-id")
pair("icard", decimal_serial(), digests=SHA512, algorithm="rsa-sha512",
     read="date digest x-request-id", payment="date digest x-request-id")


def meo(identity):
    return {"TPP-Signing-Certificate": b64(der(identity))}


def lower(text):
    return sha256(text).replace("SHA-", "sha-")


pair("meo-wallet", decimal_serial(), digests=(lower, lower("")), certificate=meo,
     read="date digest x-request-id", payment="date digest x-request-id")

# Libra: the bytes of the DER integer, whose sign bit brings a 00.
pair("libra", "00" + serial("nordic").lower(), identity="nordic", read="digest x-request-id", payment="digest x-request-id")

pair("swedbank-no", f"SN={hex_serial('nordic')},CA={NORDIC_ISSUER}", identity="nordic",
     read="date digest x-request-id", payment="date digest x-request-id psu-id tpp-redirect-uri")
# Names that are not ASCII go out as Latin-1.
pair("sdc", f"SN={serial('nordic')},CA={NORDIC_ISSUER}", identity="nordic", charset="iso-8859-1",
     read="digest x-request-id", payment="digest x-request-id psu-id tpp-redirect-uri")

# LUXHUB: the name the other way round; no Digest without a body.
pair("luxhub", f"SN={hex_serial()},CA={BACKWARDS}", digests=(sha256, ""),
     read="x-request-id date", payment="digest x-request-id psu-id tpp-redirect-uri date")
