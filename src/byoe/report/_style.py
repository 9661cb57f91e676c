"""How the page looks: on a desk and on a phone, by day and by night, and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --ground: #fff; --soft: #57606a; --line: #d8dee4; --pale: #f6f8fa;
  --blue: #0072b2; --warn: #fff8e5; --warn-line: #e69f00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --ground: #15181c; --soft: #a3adb8; --line: #363d45;
  --pale: #1e2329; --blue: #56b4e9; --warn: #2c2513; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.25rem; max-width: 68rem; color: var(--ink); background: var(--ground);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: 1.2rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p, ul, dl { max-width: 46rem; margin: .6rem 0; }
h1, h2, h3, p, li, dd, figcaption, small { overflow-wrap: anywhere; }
li { margin: .2rem 0; }
a { color: var(--blue); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; list-style: none; max-width: none; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.card { padding: .7rem .9rem; background: var(--pale); border: 1px solid var(--line); border-radius: .5rem; }
.card span, .card small { display: block; color: var(--soft); font-size: .875rem; line-height: 1.35; }
.card strong { display: block; font-size: 1.4rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
.warnings li { list-style: none; margin: .5rem 0; padding: .5rem .8rem; background: var(--warn);
  border-left: .25rem solid var(--warn-line); }
.warnings ul { padding: 0; max-width: 60rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  font-weight: 400; white-space: nowrap; }
thead th { color: var(--soft); border-bottom-width: 2px; vertical-align: bottom; }
thead th[title] { text-decoration: underline dotted; text-underline-offset: .2em; }
tbody th { position: sticky; left: 0; background: var(--ground); font-weight: 600; max-width: 16rem;
  white-space: normal; overflow-wrap: break-word; }
.number { text-align: right; }
td:last-child { padding-right: 0; }
.members td:nth-child(2) { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; }
.columns td:last-child { white-space: normal; min-width: 14rem; }
ul, dl { font-size: .9375rem; padding-left: 1.1rem; }
.facts dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .15rem 1.2rem; padding: 0; }
dt { color: var(--soft); }
dd { margin: 0; }
details dt { color: var(--ink); font-weight: 600; }
details dd { margin: 0 0 .4rem; }
details { margin: .6rem 0; font-size: .9375rem; }
summary { cursor: pointer; color: var(--blue); }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.2rem;
  align-items: start; margin: 1rem 0; }
figure { margin: 0; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; max-width: 40rem; }
figure svg * { stroke-linejoin: round; stroke-linecap: butt; }
figcaption { color: var(--soft); font-size: .875rem; max-width: 40rem; }
.bar { display: inline-block; height: .7em; min-width: 1px; background: var(--blue); vertical-align: baseline; }
.spread { display: block; width: 6rem; height: 1.4rem; color: var(--blue); }
pre { overflow-x: auto; padding: .75rem; background: var(--pale); border: 1px solid var(--line); border-radius: .4rem;
  font-size: .8125rem; line-height: 1.45; }
@media (max-width: 40rem) { body { padding: .9rem; } h1 { font-size: 1.35rem; } }
@media print { nav { display: none; } body { max-width: none; } figure, tr { break-inside: avoid; } }
"""
