// JOSE operations by npm's jose, for test_npm_jose.py: one JSON request a line on
// standard input, one JSON answer a line on standard output.
import { createInterface } from "node:readline";
import * as jose from "jose";

const own = new Map(); // private keys by name

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64url"));
const text = (data) => Buffer.from(data).toString("base64url");

async function publicOf(name) {
  const { publicKey } = own.get(name);
  const jwk = await jose.exportJWK(publicKey);
  return { ...jwk, kid: await jose.calculateJwkThumbprint(jwk) };
}

const verbs = {
  // A key pair that fits alg; its public JWK.
  async generate({ name, alg, crv }) {
    if (!own.has(name)) own.set(name, await jose.generateKeyPair(alg, { crv, extractable: true }));
    return publicOf(name);
  },
  async sign({ name, alg, payload }) {
    const { kid } = await publicOf(name);
    return new jose.CompactSign(bytes(payload))
      .setProtectedHeader({ alg, kid })
      .sign(own.get(name).privateKey);
  },
  async verify({ token, jwks, alg }) {
    const keys = jose.createLocalJWKSet(jwks);
    const { payload, protectedHeader } = await jose.compactVerify(token, keys, {
      algorithms: [alg],
    });
    return { payload: text(payload), header: protectedHeader };
  },
  async encrypt({ jwk, alg, enc, payload, apu, apv }) {
    const sealer = new jose.CompactEncrypt(bytes(payload)).setProtectedHeader({
      alg,
      enc,
      ...(jwk.kid && { kid: jwk.kid }),
    });
    if (apu || apv) sealer.setKeyManagementParameters({ apu: bytes(apu), apv: bytes(apv) });
    return sealer.encrypt(await jose.importJWK(jwk, alg));
  },
  async decrypt({ name, token, alg, enc }) {
    const { plaintext, protectedHeader } = await jose.compactDecrypt(
      token,
      own.get(name).privateKey,
      { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] },
    );
    return { payload: text(plaintext), header: protectedHeader };
  },

  // JSON serializations.  signers: name, protected, unprotected each; what is not
  // encoded (b64 false) is not in the message.
  async signJson({ signers, payload, flattened }) {
    const maker = flattened ? null : new jose.GeneralSign(bytes(payload));
    for (const { name, header, unprotected } of signers) {
      const one = flattened
        ? new jose.FlattenedSign(bytes(payload))
        : maker.addSignature(own.get(name).privateKey);
      one.setProtectedHeader(header);
      if (unprotected) one.setUnprotectedHeader(unprotected);
      if (flattened) return one.sign(own.get(name).privateKey);
    }
    return maker.sign();
  },
  // jwk: whose signature has to be there; payload: of a detached message, as it
  // was signed (base64url, or bytes in raw).
  async verifyJson({ message, jwk, alg, payload, raw }) {
    const whole = { ...message };
    if (payload !== undefined) whole.payload = payload;
    if (raw !== undefined) whole.payload = bytes(raw);
    const key = await jose.importJWK(jwk, alg);
    const verify = message.signatures ? jose.generalVerify : jose.flattenedVerify;
    const seen = await verify(whole, key, { algorithms: [alg] });
    return {
      payload: text(seen.payload),
      header: seen.protectedHeader,
      unprotected: seen.unprotectedHeader ?? null,
    };
  },
  async encryptJson({ recipients, header, shared, aad, payload, flattened }) {
    const data = bytes(payload);
    const sealer = flattened ? new jose.FlattenedEncrypt(data) : new jose.GeneralEncrypt(data);
    sealer.setProtectedHeader(header);
    if (shared) sealer.setSharedUnprotectedHeader(shared);
    if (aad) sealer.setAdditionalAuthenticatedData(bytes(aad));
    for (const { jwk, alg } of recipients) {
      const key = await jose.importJWK(jwk, alg);
      const its = { alg, kid: jwk.kid };
      if (flattened) return sealer.setUnprotectedHeader(its).encrypt(key);
      sealer.addRecipient(key).setUnprotectedHeader(its);
    }
    return sealer.encrypt();
  },
  async decryptJson({ name, message }) {
    const decrypt = message.recipients ? jose.generalDecrypt : jose.flattenedDecrypt;
    const seen = await decrypt(message, own.get(name).privateKey);
    return {
      payload: text(seen.plaintext),
      header: seen.protectedHeader,
      shared: seen.sharedUnprotectedHeader ?? null,
      unprotected: seen.unprotectedHeader ?? null,
      aad: seen.additionalAuthenticatedData ? text(seen.additionalAuthenticatedData) : null,
    };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, ...request } = JSON.parse(line);
  let answer;
  try {
    answer = { result: await verbs[verb](request) };
  } catch (error) {
    answer = { error: `${error.code ?? error.name}: ${error.message}` };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
