"""Banks with a standard of their own that sign as draft-cavage has it."""
from cavage import cavage, pem, serial, sha256
from stet import NOTHING, PSU, kid
from vector import CLIENT_ID, DATE, Request, common, get, post, unsigned

# ING: the application token is asked for under the certificate's serial number,
# all else is signed under the client_id. Three orders are known.
TOKEN = Request("POST", "", "/oauth2/token", common({"Content-Type": "application/x-www-form-urlencoded"}),
                "grant_type=client_credentials", operation="token")
del TOKEN.headers["Authorization"]
for profile, signed in (
    ("ing", "(request-target) date digest"),
    ("ing/with-request-id", "(request-target) x-request-id date digest"),
    ("ing/client-order", "(request-target) date digest x-request-id"),
    ("abanca", "(request-target) date digest"),
):
    cavage(profile, "read", get("", "/v3/accounts?a=b", **PSU), signed=signed, key_id=CLIENT_ID, digest=NOTHING)
    request = post("", "/v1/payments/sepa-credit-transfers", **PSU)
    cavage(profile, "payment", request, signed=signed, key_id=CLIENT_ID, digest=sha256(request.body))
    cavage(profile, "application token", TOKEN, section="application_signature", header="Authorization",
           signed=signed, key_id="SN=" + serial("rsa"), digest=sha256(TOKEN.body), certificate=pem())

cavage("ing-jws", "application token", TOKEN, section="application_signature", header="Authorization",
       signed="(request-target) date digest", key_id="SN=" + serial("rsa"), digest=sha256(TOKEN.body), certificate=pem())

# Nordea: headers of its own for host and date.
ORIGIN = {"X_Nordea_Originating_Host": "api.bank.example", "X_Nordea_Originating_Date": "Tue, 07 Jun 2022 20:51:35 GMT"}
IBM = {"headers": {"set": {"X-IBM-Client-Secret": "of-the-portal"}}}
cavage("nordea", "read", get("/personal/v5", "/accounts", **ORIGIN), key_id=CLIENT_ID, settings=IBM,
       signed="(request-target) x-nordea-originating-host x-nordea-originating-date")
request = post("/personal/v5", "/payments/sepa", **ORIGIN)
cavage("nordea", "payment", request, key_id=CLIENT_ID, settings=IBM, digest=sha256(request.body),
       signed="(request-target) x-nordea-originating-host x-nordea-originating-date content-type digest")

ORIGIN = {"X_Originating_Host": "api.bank.example", "X_Originating_Date": "Tue, 07 Jun 2022 20:51:35 GMT"}
cavage("neonomics", "read", get("/ics/v3", "/accounts", **ORIGIN), key_id="client-7", settings=kid("client-7"),
       signed="(request-target) x-originating-host x-originating-date")
cavage("neonomics", "payment", post("/ics/v3", "/payments/sepa", **ORIGIN), key_id="client-7", settings=kid("client-7"),
       signed="(request-target) x-originating-host x-originating-date")

# Worldline signs nothing but what asks for a token, which says who asks in headers.
HUB = {"signature": {"key_id": {"value": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"}},
       "headers": {"set": {"App": "app-1", "Client": "client-1", "Id": "id-1"}}, "token": {"endpoint": "https://bank.example/token"}}
request = Request("POST", "", "/xs2a/routingservice/services/authorize/token",
                  {"App": "app-1", "Client": "client-1", "Id": "id-1", "Date": DATE}, "grant_type=client_credentials", operation="token")
cavage("worldline", "token", request, settings=HUB, header="Authorization", key_id="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
       signed="app client id date")
unsigned("worldline", "read", get("/xs2a", "/accounts"), settings=HUB)

# Starling calls it keyid; the portal gives the key's name.
cavage("starling/http-signature", "read", get("", "/api/v2/accounts"), settings=kid("key-3"), key_id="key-3", names={"keyId": "keyid"},
       separator=", ", signed="(request-target) date")
request = post("", "/api/v2/payments/local")
cavage("starling/http-signature", "payment", request, settings=kid("key-3"), key_id="key-3", names={"keyId": "keyid"},
       separator=", ", digest=sha256(request.body), signed="(request-target) date digest")

# Carrefour, if its "HTTP Signature certificate" means draft-cavage.
cavage("carrefour/http-signature", "read", get("/open-banking/v3.1", "/aisp/accounts"), settings=kid("kid-c"), key_id="kid-c",
       signed="(request-target) host date")
request = post("/open-banking/v3.1", "/pisp/domestic-payment-consents")
cavage("carrefour/http-signature", "payment consent", request, settings=kid("kid-c"), key_id="kid-c", digest=sha256(request.body),
       signed="(request-target) host date digest")
