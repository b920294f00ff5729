"""UK Open Banking (OBIE) 3.1: a detached JWS of what payments send."""
from jose import jws
from vector import TIME, get, post, unsigned

BASE = "/open-banking/v3.1"
OB = "http://openbanking.org.uk/"
ISSUER = "0015800001041RHAAY/HQuZPIt3ipkh33Uxytox1E"
CRITICAL = [OB + "iat", OB + "iss", OB + "tan"]
SETTINGS = {"signature": {"key_id": {"value": "90210ABAD"}, "jws": {"members": {OB + "iss": ISSUER}}}}
HEADERS = {"x_fapi_interaction_id": "95126d8f-ae9d-4ac3-ac9e-c357dcd78811", "x_idempotency_key": "key-1"}

# 3.1.4 and later; what is signed is the base64url form of the body.
ENCODED = {"alg": "PS256", "kid": "90210ABAD", "typ": "JOSE", "cty": "application/json", OB + "iat": TIME, OB + "iss": ISSUER, OB + "tan": "openbanking.org.uk",
           "crit": CRITICAL}
# Up to 3.1.3: the body as it is.
UNENCODED = {**ENCODED, "b64": False, "crit": ["b64"] + CRITICAL}


def bank(profile, protected):
    payment = post(BASE, "/pisp/domestic-payment-consents", **HEADERS)
    jws(profile, "payment consent", payment, protected=protected, settings=SETTINGS)
    unsigned(profile, "read", get(BASE, "/aisp/accounts", **HEADERS), settings=SETTINGS)
    unsigned(profile, "account access consent", post(BASE, "/aisp/account-access-consents", **HEADERS), settings=SETTINGS)


BANKS = ("obie", "barclays", "chase", "natwest", "tsb", "santander-uk", "cooperative-bank", "virgin-money-merged", "monzo",
         "hsbc", "danske", "revolut", "starling", "lloyds", "carrefour")
STILL_UNENCODED = ("tsb", "virgin-money-merged")
for name in BANKS:
    bank(name, UNENCODED if name in STILL_UNENCODED else ENCODED)
bank("obie/unencoded", UNENCODED)
bank("obie/private-key-jwt", ENCODED)
bank("carrefour/private-key-jwt", ENCODED)
upload = post(BASE, "/pisp/file-payment-consents/c-1/file", "line 1.\r\nline 2", **HEADERS)
upload.headers["Content-Type"] = "text/plain"
jws("obie", "file upload", upload, protected=ENCODED, settings=SETTINGS)
jws("obie/unencoded", "file upload", upload, protected=UNENCODED, settings=SETTINGS)
