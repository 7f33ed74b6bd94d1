"""How Sphinx builds the site: ``python -m sphinx -W -b html docs docs/_build/html``."""

import re
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from pkgutil import iter_modules

import latex2mathml.converter
import matplotlib.pyplot as plt
from docutils import nodes
from docutils.parsers.rst.directives import unchanged_required
from sphinx.addnodes import pending_xref
from sphinx.ext.intersphinx import resolve_reference_any_inventory
from sphinx.util.docutils import SphinxDirective
from sphinx_gallery.sorting import ExplicitOrder

import sk_awave

project = "sk_awave"
author = "The sk_awave developers"
copyright = "the sk_awave developers, BSD-3-Clause"
version = release = sk_awave.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "changes", "templates"]
templates_path = ["templates"]
default_role = "literal"
toc_object_entries_show_parents = "hide"

# Every class page lists what the class adds to scikit-learn or torch; see skip_foreign.
numpydoc_show_class_members = False
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_typehints = "none"
autosummary_generate_overwrite = True

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Links to other projects need the network: build with ``-t online``.
if tags.has("online"):  # noqa: F821 (Sphinx defines it)
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable/", None),
        "pywt": ("https://pywavelets.readthedocs.io/en/latest/", None),
        "sklearn": ("https://scikit-learn.org/stable/", None),
        "torch": ("https://docs.pytorch.org/docs/stable/", None),
    }

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [
        f"../examples/{section}"
        for section in ("highlights", "learning", "distillation", "explanation")
    ],
    "within_subsection_order": ExplicitOrder(
        [
            "plot_adapt_to_task.py",
            "plot_denoising.py",
            "plot_torch_layer.py",
            "plot_simulation.py",
            "plot_decision_map.py",
            "plot_texture_series.py",
            "plot_quickstart.py",
            "plot_digits_pipeline.py",
            "*",
        ]
    ),
    "remove_config_comments": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sk_awave",),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_title = f"sk_awave {release}"
html_theme = "pydata_sphinx_theme"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_sidebars = {
    page: []  # they are alone in their section
    for page in (
        "index",
        "get_started",
        "extending",
        "benchmarks",
        "bibliography",
        "changelog",
    )
}
html_theme_options = {
    "logo": {"text": "sk_awave"},
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
}


def public_names():
    """Return the full name of each public name, which code of that name links to."""
    names = {}
    for package in iter_modules(sk_awave.__path__, "sk_awave."):
        for name in getattr(import_module(package.name), "__all__", ()):
            names[name] = f"{package.name}.{name}"
    return names | {name: f"sk_awave.{name}" for name in sk_awave.__all__}


PUBLIC_NAMES = public_names()


def find_name(app, docname, node):
    """Return a link to the page of a public name, here or in another project."""
    text = node.astext()
    if text in PUBLIC_NAMES:
        python = app.env.get_domain("py")
        place = docname, app.builder, "obj", PUBLIC_NAMES[text], pending_xref()
        return python.resolve_xref(app.env, *place, node.deepcopy())
    place = pending_xref(refdomain="py", reftype="obj", reftarget=text)
    return resolve_reference_any_inventory(app.env, False, place, node.deepcopy())


def link_names(app, doctree, docname):
    """Link code that is a public name to its page, in docstrings and in Markdown."""
    for node in list(doctree.findall(nodes.literal)):
        if isinstance(node.parent, (nodes.reference, nodes.title)):
            continue
        link = find_name(app, docname, node)
        if link is not None and link.get("refuri"):
            node.replace_self(link)


class Plot(SphinxDirective):
    """Show code, and the figure it draws; the blocks of a page share their names."""

    has_content = True
    option_spec = {"alt": unchanged_required}

    def run(self):
        """Execute the code, and return it with the figure, if there is one."""
        code = "\n".join(self.content)
        names = self.env.temp_data.setdefault("plot_names", {})
        with plt.rc_context(PLOT_STYLE), redirect_stdout(StringIO()) as printed:
            exec(compile(code, self.env.docname, "exec"), names)
        blocks = [nodes.literal_block(code, code, language="python")]
        if output := printed.getvalue():
            blocks.append(nodes.literal_block(output, output, language="none"))
        if plt.get_fignums():
            number = self.env.new_serialno("plot")
            path = f"generated/plots/{self.env.docname.replace('/', '-')}-{number}.png"
            file = Path(self.env.srcdir, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            plt.savefig(file)
            plt.close("all")
            alt = self.options["alt"]
            blocks.append(nodes.image(uri=f"/{path}", alt=alt, width="90%"))
        return blocks


PLOT_STYLE = {
    "figure.figsize": (7, 3),
    "figure.constrained_layout.use": True,
    "savefig.dpi": 120,
}


def escape_types(app, what, name, obj, options, lines):
    """Let stars and underscores mean themselves where docstrings say what a type is.

    What a backslash continues becomes one line, also in docstrings that are raw strings.
    """

    def escape(match):
        words = " ".join(match[2].split())
        return match[1] + re.sub(r"\*|_(?!\w)", r"\\\g<0>", words)

    text = re.sub(r" *(?<!\\)\\\n\s*", " ", "\n".join(lines))
    lines[:] = [
        re.sub(r"^(\s*[\w*, ]+ : )(.*)$", escape, line) for line in text.split("\n")
    ]


def skip_foreign(app, what, name, obj, skip, options):
    """Leave out what is inherited from other packages, whose documentation it is."""
    function = getattr(obj, "func", obj)  # of a cached property
    module = getattr(function, "__module__", None) or "sk_awave"
    return None if module.startswith("sk_awave") else True


def visit_math(translator, node):
    """Write formulas as MathML, which browsers show without scripts and fonts."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    latex = node.astext()
    if r"\\" in latex:  # several lines, as elsewhere in Sphinx
        latex = rf"\begin{{split}}{latex}\end{{split}}"
    formula = latex2mathml.converter.convert(latex, display=display)
    if display == "block":
        formula = f'<div class="formula">{formula}</div>'
    translator.body.append(formula)
    raise nodes.SkipNode


def setup(app):
    """Connect the functions above."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    app.add_directive("plot", Plot)
    app.connect("autodoc-process-docstring", escape_types, priority=400)  # then numpydoc
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("doctree-resolved", link_names)


html_math_renderer = "mathml"
