"""The architecture: who imports whom, what is documented, what stays light."""

import ast
import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "gameanalysis"

# A module imports only from the rows above, or from the left in its own row.
ROWS = """
    base          errors truth tables checkpoints workers
    declaration   costs matrices game hierarchy scanning formulas parsing entries separating
                  matrix_games oligopolies catalog
    exact         jets derivatives anticipation integer_matrices minors definiteness discs
                  univariate macaulay reduction exactness numberfield algebra exponentials
                  sparse_forms symmetries
    waist         dynamics
    learning      play updates gradients adjustments newton rules
    programs      graph tangents reading printing blocks precise intervals linear program solves
                  numerical responses scalars ratios stacked
    matrix_programs  matrix_nodes matrix_graph matrix_reading matrix_derivatives matrix_kernels
                  matrix_lowering matrix_printing matrix_responses matrix_blocks matrix_solving
                  matrix_compiled
    compilation   compiled cleared parametric moves native
    numerics      undecided deflation critical enclosure affine propagation relaxation structure
                  taylor certify arclength
    motion        trajectory schedules noise stepping settling stochastic simulate orbits
                  dormand_prince runge_kutta solvers flow
    verdicts      forms location evidence continua quotients manifolds classify analysis problem
                  slices analyze placing hierarchic hierarchy_search local polynomial_families
                  planes spectra steps stability standstill basins
    parameters    cells sweep unfoldings branches events following records continuation
    theory        bounds linearisation regions rates iterations step_limits pencils
                  time_scales conditions
    families      engine sampling completions quadratics anywhere critical_points stable_points
                  prescribed derived strategies
    statements    claims series rational_blocks lyapunov vocabulary update_conditions equilibria
                  placement genericity convergence avoidance neighbours refuted falsification
                  falsify theorems
    pictures      canvas layers portrait tracks maps class_maps charts diagrams sets
    surfaces      guarantees plots
    entry         commandline output learning_arguments rule_commands simulated motion_commands
                  claim_files claim_points claim_commands __main__
"""
ROW = {name: tuple(modules.split()) for name, modules in
       re.findall(r"^ {4}(\w+) +(.*(?:\n {18}.*)*)", ROWS, re.M)}
ORDER = [module for row in ROW.values() for module in row]

# Surfaces never import one another; numerics see fields, never games.
EARLIER = {module: set(ORDER[:ORDER.index(module)]) for module in ORDER}
for module in ROW["surfaces"]:
    EARLIER[module] -= set(ROW["surfaces"])
NO_GAMES = {"Game", "Player", "zero_sum"}

# Packages that only some modules may ask for, beside those that all may.
EVERYWHERE = {"sympy", "mpmath", "numpy", "scipy"}
ONLY = {**dict.fromkeys(ROW["pictures"], {"matplotlib"}), "output": {"matplotlib", "tqdm"},
        "tables": {"pandas"},
        **dict.fromkeys(ROW["families"], {"hypothesis"})}

FILES = {path.stem: path for path in sorted(PACKAGE.rglob("*.py")) if path.stem != "__init__"}
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}
MODULES = list(SOURCES)

# What users and every row need lies at the top; each other row has a folder of its name.
TOP = {"parsing", "catalog", "rules", "strategies", "theorems", *ROW["base"], *ROW["waist"],
       *ROW["surfaces"], *ROW["entry"]}


def imports(module):
    """(module of this package or None, package outside or None, names) of each import."""
    for node in ast.walk(ast.parse(SOURCES[module])):
        if isinstance(node, ast.Import):
            for alias in node.names:
                head, *tail = alias.name.split(".")
                inside = head == "gameanalysis"
                yield ((tail or ["__init__"])[-1] if inside else None,
                       None if inside else head, ())
        elif isinstance(node, ast.ImportFrom):
            path = (node.module or "").split(".")
            names = tuple(alias.name for alias in node.names)
            if not node.level and path[0] != "gameanalysis":
                yield None, path[0], names
            elif path[-1] in SOURCES:
                yield path[-1], None, names
            else:                                    # from .declaration import a, b
                for name in names:
                    yield (name if name in SOURCES else "__init__"), None, ()


def test_every_module_has_its_place():
    assert sorted(ORDER) == sorted(MODULES)
    for row, modules in ROW.items():
        for module in modules:
            folder = PACKAGE if module in TOP else PACKAGE / row
            assert FILES[module].parent == folder


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")),
                         ids=lambda path: path.parent.name)
def test_folders_say_what_they_hold_and_import_nothing(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert path.parent == PACKAGE or len(tree.body) == 1


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_upwards(module):
    assert module in ORDER, f"{module} has no row"
    for inside, outside, names in imports(module):
        if inside is not None:
            assert inside in EARLIER[module], f"{module} imports {inside}"
        elif outside not in sys.stdlib_module_names:
            assert outside in EVERYWHERE | ONLY.get(module, set()), f"{module} imports {outside}"
        if module in ROW["numerics"] + ROW["motion"]:
            assert not NO_GAMES.intersection(names), f"{module} imports {names}"


@pytest.mark.parametrize("module", SOURCES)
def test_public_names_are_documented(module):
    tree = ast.parse(SOURCES[module])
    assert ast.get_docstring(tree), "the module itself"
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [node for node in tree.body if isinstance(node, kinds) and node.name[0] != "_"]
    methods = [node for owner in public if isinstance(owner, ast.ClassDef)
               for node in owner.body if isinstance(node, kinds) and node.name[0] != "_"]
    bare = [node.name for node in public + methods if not ast.get_docstring(node)]
    assert not bare


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_over_500_lines_is_two_modules(module):
    assert len(SOURCES[module].splitlines()) <= 500


def test_names_that_are_exported_exist_and_are_documented():
    import gameanalysis
    for name in gameanalysis.__all__:
        assert getattr(gameanalysis, name).__doc__, name


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["matplotlib", "hypothesis", "torch", "jax", "pandas", "scipy.optimize"]
    code = (f"import sys, gameanalysis; "
            f"print([name for name in {heavy} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True,
                          capture_output=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_folder_has_the_fixed_shape():
    folders = {path.name for path in ROOT.iterdir()
               if path.is_dir() and not path.name.startswith((".", "__"))
               and not path.name.endswith(".egg-info") and not (path / "pyvenv.cfg").exists()}
    assert folders - {"build", "dist"} == {"gameanalysis", "tests", "notebooks"}
    assert (PACKAGE / "py.typed").exists()


def test_setup_cfg_holds_all_metadata():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project) == {"build-system"}
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["metadata"]["name"] == "gameanalysis"
    assert setup["options"]["python_requires"] == ">=3.11"
    needed = setup["options"]["install_requires"].split()
    assert [re.split("[<>=]", need)[0] for need in needed] == [
        "sympy", "numpy", "scipy", "matplotlib"]
    script = setup["options.entry_points"]["console_scripts"].strip()
    assert script == "gameanalysis = gameanalysis.__main__:main"


def test_the_version_is_the_one_that_is_cited():
    import gameanalysis
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {gameanalysis.__version__}\n" in citation
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {gameanalysis.__version__}" in changes
