"""Pictures of games and of what their players learn, each a function of one thing to draw.

    phase_portrait      where a field goes, made of the layers `field`, `nullclines`,
                        `singular_set`, `points` and `trajectories`,
    distance            how far each start is from where it ends, with predicted rates,
    animation           starts that move,
    basins              which point each start of a grid reaches; `compare_basins`,
    class_map           which classes of points exist for which parameters,
    eigenvalues         spectra in the complex plane, over the stable region,
    stability           a table of rules and critical points as a heat map,
    bifurcation_diagram critical points against a parameter that moves,
    venn                how often properties of random games go together.

Each draws on the Axes it is given, or on a new Figure that pyplot does not know, so that
nothing is left open.  A layer returns its artists; the others return a `Picture`, which
holds them by name, shows itself in a notebook and has ``save``.
"""

from __future__ import annotations

from .pictures.canvas import MARKERS, Picture, legend
from .pictures.class_maps import class_map
from .pictures.charts import eigenvalues, stability
from .pictures.diagrams import bifurcation_diagram
from .pictures.layers import (field, nullclines, point_class, points, singular_set,
                              trajectories)
from .pictures.maps import basins, compare_basins
from .pictures.sets import venn
from .pictures.tracks import animation, distance
from .pictures.portrait import LAYERS, Portrait, phase_portrait

__all__ = ["LAYERS", "MARKERS", "Picture", "Portrait", "animation", "basins",
           "bifurcation_diagram", "class_map", "compare_basins", "distance", "eigenvalues",
           "field", "legend", "nullclines", "phase_portrait", "point_class", "points",
           "singular_set", "stability", "trajectories", "venn"]
