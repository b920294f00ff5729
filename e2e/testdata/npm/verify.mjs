// Reads checks as JSON from standard input, and verifies each request as it went
// over the wire. Says what passed, and ends with status 1 if anything did not, or
// if a request passes that was changed on the way.
import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { buffer, text } from "node:stream/consumers";
import { createVerifier, httpbis } from "http-message-signatures";
import httpSignature from "http-signature";
import * as jose from "jose";

// parse has Node's own HTTP server read the bytes.
function parse(raw) {
  return new Promise((resolve, reject) => {
    const server = http.createServer(async (request, response) => {
      request.body = await buffer(request);
      response.end();
      server.close();
      resolve(request);
    });
    server.on("clientError", reject);
    server.listen(0, "127.0.0.1", () => {
      const socket = net.connect(server.address().port, "127.0.0.1", () => socket.end(raw));
      socket.resume();
    });
  });
}

function refuse(why) {
  throw new Error(why);
}

function checkDigest(request) {
  const [, algorithm, value] = /^(SHA-256|SHA-512)=(.*)$/.exec(request.headers.digest) ?? refuse("no Digest");
  const hash = createHash(algorithm.replace("-", "").toLowerCase()).update(request.body).digest("base64");
  if (hash !== value) refuse("Digest is not of the body");
}

function publicKey(check) {
  return new X509Certificate(check.certificate).publicKey;
}

// Each verifies a request, or throws.
const containers = {
  async signature(check, request) {
    const parsed = httpSignature.parseRequest(request, { authorizationHeaderName: "signature", headers: check.signed });
    const pem = publicKey(check).export({ type: "spki", format: "pem" });
    if (!httpSignature.verifySignature(parsed, pem)) refuse("the signature does not verify");
    if (request.body.length > 0) checkDigest(request);
  },

  async jws(check, request) {
    const [head, nothing, signature] = request.headers["x-jws-signature"].split(".");
    if (nothing !== "") refuse("the JWS is not detached");
    const { b64 = true } = JSON.parse(Buffer.from(head, "base64url"));
    if (b64 !== check.b64) refuse(`b64 is ${b64}`);
    const payload = b64 ? request.body.toString("base64url") : new Uint8Array(request.body);
    const crit = Object.fromEntries(check.crit.map((name) => [name, true]));
    const { protectedHeader } = await jose.flattenedVerify({ protected: head, payload, signature }, publicKey(check), { crit });
    if (protectedHeader.kid !== check.kid) refuse(`kid is ${protectedHeader.kid}`);
  },

  async "http-headers-jws"(check, request) {
    checkDigest(request);
    const [head, , signature] = request.headers["x-jws-signature"].split(".");
    const { sigD, sigT, x5c } = JSON.parse(Buffer.from(head, "base64url"));
    if (Math.abs(Date.now() - Date.parse(sigT)) > 60_000) refuse(`sigT is ${sigT}`);
    const lines = sigD.pars.map((name) => {
      const value = name === "(request-target)" ? `${request.method.toLowerCase()} ${request.url}` : request.headers[name];
      return `${name}: ${value ?? refuse(`${name} is missing`)}`;
    });
    const key = createPublicKey(new X509Certificate(Buffer.from(x5c[0], "base64")).publicKey.export({ type: "spki", format: "pem" }));
    if (!key.equals(publicKey(check))) refuse("x5c is another certificate");
    const payload = new TextEncoder().encode(lines.join("\n"));
    await jose.flattenedVerify({ protected: head, payload, signature }, key, { crit: { sigT: true, sigD: true } });
  },

  async "message-signature"(check, request) {
    const [, value] = /^sha-256=:(.*):$/.exec(request.headers["content-digest"] ?? "") ?? [];
    const hash = createHash("sha256").update(request.body).digest("base64");
    if (request.body.length > 0 && value !== hash) refuse("Content-Digest is not of the body");
    const key = { id: check.kid, algs: ["rsa-pss-sha512"], verify: createVerifier(publicKey(check), "rsa-pss-sha512") };
    const passes = await httpbis.verifyMessage(
      { keyLookup: async ({ keyid }) => (keyid === check.kid ? key : null), requiredFields: check.signed, maxAge: 60 },
      { method: request.method, url: `https://${request.headers.host}${request.url}`, headers: request.headers },
    );
    if (!passes) refuse("the signature does not verify");
  },

  async jwt(check, request) {
    if (request.headers["content-type"] !== "application/jwt") refuse("the body is no JWT by its Content-Type");
    const { payload } = await jose.jwtVerify(request.body.toString(), publicKey(check), {
      audience: check.audience, issuer: check.issuer, typ: "JWT", maxTokenAge: 60, algorithms: ["PS256"], requiredClaims: ["jti"],
    });
    for (const [name, value] of Object.entries(check.data)) {
      if (JSON.stringify(payload[name]) !== JSON.stringify(value)) refuse(`${name} is not what the application sent`);
    }
  },
};

// changed gives the request with another byte in it where that counts.
function changed(raw, at) {
  const copy = Buffer.from(raw);
  const where = copy.indexOf(at);
  if (where < 0) refuse(`there is no ${at}`);
  copy[where + at.length - 1] ^= 1;
  return copy;
}

let failed = false;
for (const check of JSON.parse(await text(process.stdin))) {
  const raw = Buffer.from(check.raw, "base64");
  const verify = async (bytes) => containers[check.container](check, await parse(bytes));
  try {
    await verify(raw);
    for (const at of check.change) {
      const passes = await verify(changed(raw, at)).then(() => true, () => false);
      if (passes) refuse(`it passes with another byte at the end of ${at}`);
    }
    console.log(`ok ${check.name}`);
  } catch (error) {
    failed = true;
    console.log(`FAILED ${check.name}: ${error.stack}`);
  }
}
process.exit(failed ? 1 : 0);
