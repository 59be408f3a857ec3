// A SCIM server made of scimmy, scimmy-routers and express. This script keeps resources in maps and refuses a taken
// userName or displayName of a group; everything else (parsing, filters, PATCH, errors, discovery) is the libraries' own.
// Usage: TOKEN=secret PORT=0 [PAGING=pinned] node server.mjs; prints "listening on http://127.0.0.1:PORT/scim" when it is ready.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const { Error: ScimError } = SCIMMY.Types;

/** Handlers over one map. `refuse(resources, id, resource)` throws if the resource can't be stored. */
function keep(Resource, refuse) {
    const resources = new Map();
    const found = (id) => {
        if (!resources.has(id)) throw new ScimError(404, null, `Resource ${id} not found`);
        return resources.get(id);
    };
    SCIMMY.Resources.declare(Resource)
        .egress(({ id, filter }) => {
            if (id) return found(id);
            const all = [...resources.values()];
            return filter ? filter.match(all) : all;
        })
        .ingress(({ id }, resource) => {
            const before = id ? found(id) : undefined;
            refuse(resources, id, resource);
            const now = new Date().toISOString();
            const stored = JSON.parse(JSON.stringify(resource));
            stored.id = id ?? randomUUID();
            stored.meta = { created: before?.meta.created ?? now, lastModified: now };
            resources.set(stored.id, stored);
            return stored;
        })
        .degress(({ id }) => {
            found(id);
            resources.delete(id);
        });
}

/** Refuses a value of `attribute` that another resource has, in whatever case. */
function unique(attribute) {
    return (resources, id, resource) => {
        const wanted = resource[attribute].toLowerCase();
        const taken = [...resources.values()].some(
            (other) => other.id !== id && other[attribute].toLowerCase() === wanted,
        );
        if (taken) throw new ScimError(409, "uniqueness", `${attribute} ${resource[attribute]} is taken`);
    };
}

keep(SCIMMY.Resources.User, unique("userName"));
SCIMMY.Resources.declared("User").extend(SCIMMY.Schemas.EnterpriseUser, false);
keep(SCIMMY.Resources.Group, unique("displayName"));

const wanted = `Bearer ${process.env.TOKEN}`;
const routers = new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== wanted) throw new Error("the bearer token is missing or wrong");
        return "operator";
    },
});
const app = express();
if (process.env.PAGING === "pinned") {
    // Express 5 parses the query anew at every look, so that what scimmy-routers makes of startIndex and count is lost.
    app.use((request, _, next) => {
        Object.defineProperty(request, "query", { value: { ...request.query } });
        next();
    });
}
const server = app
    .use("/scim", routers)
    .listen(Number(process.env.PORT ?? 0), "127.0.0.1", (error) => {
        if (error) throw error;
        console.log(`listening on http://127.0.0.1:${server.address().port}/scim`);
    });
