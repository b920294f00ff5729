"""Banks with a standard of their own that sign as draft-cavage has it."""
from cavage import cavage, pem, serial, sha256
from stet import NOTHING, PSU, kid
from vector import CLIENT_ID, Request, common, get, post

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

# Nordea: headers of its own for host and date.
ORIGIN = {"X_Nordea_Originating_Host": "api.bank.example", "X_Nordea_Originating_Date": "Tue, 07 Jun 2022 20:51:35 GMT"}
cavage("nordea", "read", get("/personal/v5", "/accounts", **ORIGIN), key_id=CLIENT_ID,
       signed="(request-target) x-nordea-originating-host x-nordea-originating-date")
request = post("/personal/v5", "/payments/sepa", **ORIGIN)
cavage("nordea", "payment", request, key_id=CLIENT_ID, digest=sha256(request.body),
       signed="(request-target) x-nordea-originating-host x-nordea-originating-date content-type digest")

ORIGIN = {"X_Originating_Host": "api.bank.example", "X_Originating_Date": "Tue, 07 Jun 2022 20:51:35 GMT"}
cavage("neonomics", "read", get("/ics/v3", "/accounts", **ORIGIN), key_id="client-7", settings=kid("client-7"),
       signed="(request-target) x-originating-host x-originating-date")
