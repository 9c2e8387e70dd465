// Reads {name: mjml} and answers {version, pages: {name: {html, errors}}}, drawn by the reference implementation.
const path = require("path");
const modules = process.argv[2];
const loaded = require(path.join(modules, "mjml"));
const mjml2html = loaded.default || loaded;
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));

(async () => {
  const pages = {};
  for (const [name, source] of Object.entries(given)) {
    const made = await mjml2html(source, { validationLevel: "soft", fonts: {}, keepComments: true });
    pages[name] = { html: made.html, errors: (made.errors || []).map((e) => e.formattedMessage || String(e)) };
  }
  process.stdout.write(JSON.stringify({ version: require(path.join(modules, "mjml/package.json")).version, pages }));
})();
