// An issuer that others wrote: oidc-provider, which is certified, on a free port of this computer.
// Prints its address when it answers, and runs until it is ended.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const PORT = Number(process.argv[2]);
const ISSUER = `http://127.0.0.1:${PORT}`;

const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: "corrigenda",
      client_secret: "of-a-test",
      application_type: "native",
      redirect_uris: ["http://127.0.0.1/callback"],
      grant_types: ["authorization_code", "client_credentials"],
      response_types: ["code"],
    },
  ],
  claims: { openid: ["sub"], profile: ["name", "groups"] },
  conformIdTokenClaims: false,
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: "Ann Example", groups: ["staff", "corrections"] }),
  }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "edit",
        audience: "corrigenda",
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  extraTokenClaims: () => ({ groups: ["corrections"] }),
  cookies: { keys: ["of a test"] },
});

createServer(provider.callback()).listen(PORT, "127.0.0.1", () => console.log(ISSUER));
