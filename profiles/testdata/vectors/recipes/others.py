"""JWS outside the United Kingdom, and RFC 9421."""
import json

from cavage import sha256
from jose import http_headers, jws, jwt
from message import message_signature
from openssl import b64, b64url, der, digest
from stet import NOTHING, PSU
from vector import RFC3339, TIME, get, post, unsigned

CRITICAL = ["sigT", "sigD", "b64"]

# ING's newer APIs: three lines, the certificate's thumbprint.
protected = {"alg": "PS256", "b64": False, "x5t#S256": b64url(digest("sha256", der("rsa"))), "crit": CRITICAL, "sigT": RFC3339}
http_headers("ing-jws", "read", get("", "/v3/accounts?a=b"), protected=protected, digest=NOTHING, header="X-JWS-Signature",
             pars="(request-target) digest")
request = post("", "/v1/payments", **PSU)
http_headers("ing-jws", "payment", request, protected=protected, digest=sha256(request.body), header="X-JWS-Signature",
             pars="(request-target) content-type digest")

# Georgia: more lines, and the certificate itself.
for identity, alg, settings in (("rsa", "PS256", {}), ("p256", "ES256", {"signature": {"algorithm": "ecdsa-sha256"}})):
    protected = {"alg": alg, "b64": False, "x5c": [b64(der(identity))], "crit": CRITICAL, "sigT": RFC3339}
    http_headers("georgia", "read, " + alg, get("/v1", "/accounts?a=b", **PSU), protected=protected, digest=NOTHING, identity=identity, settings=settings,
                 pars="(request-target) host x-request-id digest psu-ip-address psu-user-agent")
    request = post("/v1", "/payments/domestic", **PSU)
    http_headers("georgia", "payment, " + alg, request, protected=protected, digest=sha256(request.body), identity=identity, settings=settings,
                 pars="(request-target) host x-request-id content-type content-length digest psu-ip-address psu-user-agent")

# Brasil: the body of a payment becomes the claims of a JWT.
ORGANIZATION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
SETTINGS = {"signature": {"key_id": {"value": "kid-br"}, "jws": {"claims": {"iss": ORGANIZATION}}}}
BODY = json.dumps({"data": {"payment": {"amount": "1333.00", "currency": "BRL"}, "date": "2022-06-07"}})
request = post("/open-banking", "/payments/v4/consents", BODY, x_idempotency_key="key-1")
jwt("open-finance-brasil", "payment consent", request, settings=SETTINGS,
    protected={"alg": "PS256", "kid": "kid-br", "typ": "JWT"},
    claims={"aud": "https://" + request.host + request.target, "iss": ORGANIZATION, "jti": "{uuid}", "iat": TIME})
unsigned("open-finance-brasil", "read", get("/open-banking", "/accounts/v2/accounts"), settings=SETTINGS)

# Poland: the body as it is.
SETTINGS = {"signature": {"key_id": {"value": "kid-pl"}}}
BODY = json.dumps({"requestHeader": {"requestId": "8f2a1b00-e67d-11ec-8fea-0242ac120002", "isDirectPsu": True}, "n": 1.5})
jws("polish-api", "accounts", post("/v2_1_1.1", "/accounts/v2_1_1.1/getAccounts", BODY), settings=SETTINGS, header="X-JWS-SIGNATURE",
    protected={"alg": "RS256", "b64": False, "crit": ["b64"], "kid": "kid-pl"})
unsigned("polish-api", "no body", get("/v2_1_1.1", "/accounts"), settings=SETTINGS)

# RFC 9421 with Content-Digest of RFC 9530.
RSA = {"signature": {"key_id": {"value": "kid-9421"}}}
EC = {"signature": {"key_id": {"value": "kid-9421"}, "algorithm": "ecdsa-sha256"}}
more = ';keyid="kid-9421"'
for identity, algorithm, settings in (("rsa", "rsa-pss-sha512", RSA), ("p256", "ecdsa-sha256-raw", EC)):
    message_signature("rfc9421", "read, " + identity, get("/v1", "/accounts?a=b"), identity=identity, algorithm=algorithm, more=more,
                      settings=settings, components=("@method", "@target-uri", "authorization", "x-request-id"))
    message_signature("rfc9421", "payment, " + identity, post("/v1", "/payments"), identity=identity, algorithm=algorithm, more=more,
                      settings=settings, components=("@method", "@target-uri", "content-digest", "content-type", "authorization", "x-request-id"))
