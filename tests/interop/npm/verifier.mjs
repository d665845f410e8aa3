// A relying party: verifies every token on standard input, a line each, with
// the keys of one JWK Set URL.  At the end of input prints what it counted.
import { createInterface } from "node:readline";
import { compactVerify, createRemoteJWKSet, decodeProtectedHeader } from "jose";

const keys = createRemoteJWKSet(new URL(process.argv[2]),
	{ cooldownDuration: 300, cacheMaxAge: 5000, timeoutDuration: 3000 });
const count = { verified: 0, failed: 0, failures: [] };
for await (const token of createInterface({ input: process.stdin })) {
	try {
		await compactVerify(token, keys);
		count.verified++;
	} catch (error) {
		count.failed++;
		if (count.failures.length < 10)
			count.failures.push(`${error.code ?? error} ${decodeProtectedHeader(token).kid}`);
	}
}
console.log(JSON.stringify(count));
