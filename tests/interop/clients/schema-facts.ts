/**
 * What normalised caches want to know of the schema, written once at build time:
 * node schema-facts.ts > generated/schema-facts.ts
 */
import { readFileSync } from "node:fs";
import { buildSchema, introspectionFromSchema, isAbstractType, isObjectType } from "graphql";

const schema = buildSchema(readFileSync("schema/schema.graphql", "utf8"));
const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith("__"));
const facts = {
  // Apollo: which types an interface or a union stands for.
  possibleTypes: Object.fromEntries(
    types
      .filter(isAbstractType)
      .map((type) => [type.name, schema.getPossibleTypes(type).map((one) => one.name)]),
  ),
  // urql's graphcache: types that are part of their parent, because they have no id.
  withoutId: types
    .filter((type) => isObjectType(type) && !("id" in type.getFields()))
    .map((type) => type.name),
  introspection: introspectionFromSchema(schema, { descriptions: false }),
};

for (const [name, value] of Object.entries(facts)) {
  console.log(`export const ${name} = ${JSON.stringify(value)};`);
}
