/** Relay's artifacts import each other without an ending; bundlers find them, Node needs a hint. */
import { registerHooks } from "node:module";

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier.endsWith(".graphql") ? `${specifier}.ts` : specifier, context),
});
