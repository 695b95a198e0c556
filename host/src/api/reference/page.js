"use strict";
const METHODS = ["get", "post", "put", "patch", "delete"];

// Everything is set as text: the document is never markup.
function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function resolve(api, value) {
  let seen = 0;
  while (value && value.$ref && seen++ < 16) {
    value = value.$ref.slice(2).split("/").reduce((at, part) => at && at[part.replace(/~1/g, "/").replace(/~0/g, "~")], api);
  }
  return value || {};
}

function typeName(api, schema) {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  for (const many of ["oneOf", "anyOf", "allOf"]) {
    if (schema[many]) return schema[many].map((one) => typeName(api, one)).join(many === "allOf" ? " & " : " | ");
  }
  const types = [].concat(schema.type || "any");
  return types.map((type) => (type === "array" ? `list of ${typeName(api, schema.items)}` : type)).join(" | ");
}

function exampleOf(api, schema, depth = 0) {
  const shape = resolve(api, schema);
  if (depth > 6) return null;
  if (shape.example !== undefined) return shape.example;
  if (shape.default !== undefined) return shape.default;
  if (shape.enum) return shape.enum[0];
  for (const many of ["oneOf", "anyOf"]) {
    if (shape[many]) return exampleOf(api, shape[many].find((one) => one.type !== "null") || shape[many][0], depth + 1);
  }
  if (shape.allOf) return Object.assign({}, ...shape.allOf.map((one) => exampleOf(api, one, depth + 1)));
  const type = [].concat(shape.type || (shape.properties ? "object" : "null")).find((one) => one !== "null");
  if (type === "object") {
    return Object.fromEntries(Object.entries(shape.properties || {}).map(([name, member]) => [name, exampleOf(api, member, depth + 1)]));
  }
  if (type === "array") return shape.items ? [exampleOf(api, shape.items, depth + 1)] : [];
  return { string: "string", integer: 0, number: 0, boolean: false }[type] ?? null;
}

function membersTable(api, schema) {
  const shape = resolve(api, schema);
  const required = new Set(shape.required || []);
  const rows = Object.entries(shape.properties || {}).map(([name, member]) =>
    element("tr", {},
      element("td", {}, element("code", { class: required.has(name) ? "required" : "" }, name)),
      element("td", { class: "type" }, typeName(api, member)),
      element("td", {}, member.description || resolve(api, member).description || "")));
  return rows.length ? element("table", {}, ...rows) : null;
}

function bodyView(api, title, content) {
  const [media, body] = Object.entries(content || {})[0] || [];
  if (!media) return [];
  const example = body.example !== undefined ? body.example : exampleOf(api, body.schema);
  return [
    element("h4", {}, title, " ", element("code", { class: "type" }, media)),
    membersTable(api, body.schema),
    element("pre", {}, typeof example === "string" ? example : JSON.stringify(example, null, 2)),
  ];
}

function parametersView(api, parameters) {
  if (!parameters.length) return [];
  const rows = parameters.map((one) => {
    const parameter = resolve(api, one);
    return element("tr", {},
      element("td", {}, element("code", { class: parameter.required ? "required" : "" }, parameter.name)),
      element("td", { class: "type" }, parameter.in),
      element("td", { class: "type" }, typeName(api, parameter.schema)),
      element("td", {}, parameter.description || ""));
  });
  return [element("h4", {}, "Parameters"), element("table", {}, ...rows)];
}

function responsesView(api, responses) {
  const rows = Object.entries(responses || {}).map(([status, one]) => {
    const response = resolve(api, one);
    const type = typeName(api, (Object.values(response.content || {})[0] || {}).schema || { type: "nothing" });
    return element("tr", {},
      element("td", {}, element("code", {}, status)), element("td", { class: "type" }, type),
      element("td", {}, response.description || ""));
  });
  return [element("h4", {}, "Responses"), element("table", {}, ...rows)];
}

function neededBy(operation) {
  const bearer = (operation.security || []).find((one) => one.bearer);
  if (!bearer) return "public";
  return bearer.bearer.join(", ") || "any credential";
}

function operationView(api, path, method, operation) {
  const success = Object.entries(operation.responses || {}).find(([status]) => status.startsWith("2"));
  const request = resolve(api, operation.requestBody);
  return element("details", { class: "operation", id: operation.operationId },
    element("summary", {},
      element("span", { class: `method ${method}` }, method),
      element("span", { class: "path" }, path),
      element("span", { class: "summary" }, operation.summary || ""),
      element("span", { class: "lock" }, neededBy(operation))),
    element("div", {},
      element("p", {}, operation.description || operation.summary || ""),
      ...parametersView(api, operation.parameters || []),
      ...bodyView(api, "Request", request.content),
      ...bodyView(api, `Answer ${success ? success[0] : ""}`, success && resolve(api, success[1]).content),
      ...responsesView(api, operation.responses)));
}

function render(api) {
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("description").textContent = api.info.description;
  const sections = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const operation = item[method];
      const tag = (operation.tags || ["other"])[0];
      if (!sections.has(tag)) sections.set(tag, []);
      const words = `${path} ${method} ${operation.operationId} ${operation.summary} ${neededBy(operation)}`.toLowerCase();
      sections.get(tag).push({ words, node: operationView(api, path, method, operation) });
    }
  }
  const operations = document.getElementById("operations");
  operations.replaceChildren();
  const shown = [...sections].map(([tag, entries]) => {
    const section = element("section", { id: `tag-${tag}` }, element("h2", {}, tag), ...entries.map((one) => one.node));
    document.getElementById("tags").append(element("a", { href: `#tag-${tag}` }, tag));
    operations.append(section);
    return { section, entries };
  });
  document.getElementById("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const { section, entries } of shown) {
      for (const one of entries) one.node.hidden = !words.every((word) => one.words.includes(word));
      section.hidden = entries.every((one) => one.node.hidden);
    }
  });
  const target = document.getElementById(location.hash.slice(1));
  if (target) { target.open = true; target.scrollIntoView(); }
}

fetch("/openapi.json")
  .then((response) => response.json())
  .then(render)
  .catch(() => { document.getElementById("operations").textContent = "The document could not be read."; });
