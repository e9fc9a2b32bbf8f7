"""Expression graphs: formulas as lists of operations, and their derivatives.

A graph is a list of nodes.  Node k is a tuple ``(operation, operands...)`` whose
operands are earlier nodes, so the list is a straight-line program: evaluated in
order, every value is ready when it is needed.  Equal nodes are stored once
(hash-consing), which is common subexpression elimination for free.

Derivatives are taken on the list.  For one output y the reverse mode computes
the adjoints a_k = dy/d(node k) from a_y = 1 by

    a_j  +=  a_k * d(node k)/d(node j)      for every operand j of node k,

in descending order of k, so a whole gradient costs a small multiple of y itself
(Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3).
Adjoints are nodes of the same graph, hence second derivatives are gradients of
gradients.  Zeros of a Jacobian are known without computing: each node carries the
set of variables it depends on.

Operations: ``var i``, ``const q`` (an exact rational), ``pi``, ``add``, ``sub``, ``mul``, ``div``,
``neg``, ``pow a n`` (n >= 2 an int), ``powr a q`` (q a Fraction, not an integer; real, a >= 0),
``select c a b`` (a where c > 0, else b), and the functions of `UNARY`.  No float occurs here.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from fractions import Fraction

from ..errors import UnsupportedFunction

__all__ = ["Graph", "Node", "UNARY"]

Node = tuple

UNARY = frozenset("exp log sin cos tan sinh cosh tanh asin acos atan asinh "
                  "acosh atanh sqrt erf erfc gamma loggamma".split())

_ODD = frozenset("sin tan sinh tanh asin atan asinh atanh erf".split())
_EVEN = frozenset(("cos", "cosh"))
_AT_ZERO = {"exp": 1, "sin": 0, "cos": 1, "tan": 0, "sinh": 0, "cosh": 1, "tanh": 0,
            "asin": 0, "atan": 0, "asinh": 0, "atanh": 0, "sqrt": 0, "erf": 0, "erfc": 1}
#: Constant powers are folded only while they stay this small (bits).
_FOLD_BITS = 4096


class Graph:
    """A hash-consed list of operations in ``n_variables`` variables.

    Nodes are referred to by their index.  The methods `add`, `mul`, ... return one with that
    value, simplified by identities that hold wherever the original is defined.
    """

    def __init__(self, n_variables: int) -> None:
        self.nodes: list[Node] = []
        self.support: list[int] = []
        self._index: dict[Node, int] = {}
        self._masks: dict[int, int] = {}
        self._units: set[int] = set()
        self.n_variables = n_variables
        self.variables = [self._node(("var", i), 1 << i) for i in range(n_variables)]
        self.zero, self.one = self.constant(0), self.constant(1)

    # -- construction ----------------------------------------------------

    def _node(self, node: Node, support: int) -> int:
        index = self._index.get(node)
        if index is None:
            index = self._index[node] = len(self.nodes)
            self.nodes.append(node)
            # Equal sets of many variables are stored once.
            self.support.append(self._masks.setdefault(support, support) if support >> 64
                                else support)
        return index

    def constant(self, value: int | Fraction) -> int:
        """The node of an exact rational constant."""
        if value.denominator == 1:
            value = value.numerator
        return self._node(("const", value), 0)

    def _value(self, index: int) -> int | Fraction | None:
        node = self.nodes[index]
        return node[1] if node[0] == "const" else None

    def _split(self, index: int) -> tuple[int | Fraction, int]:
        """A node as (rational coefficient, remaining node)."""
        node = self.nodes[index]
        if node[0] == "neg":
            coefficient, rest = self._split(node[1])
            return -coefficient, rest
        if node[0] == "mul":
            value = self._value(node[1])
            if value is not None:
                return value, node[2]
        return 1, index

    def _scaled(self, coefficient: int | Fraction, index: int) -> int:
        """``coefficient`` times a node without coefficient; signs stay outside."""
        if coefficient == 0:
            return self.zero
        if coefficient < 0:
            return self.neg(self._scaled(-coefficient, index))
        if coefficient == 1:
            return index
        if index == self.one:
            return self.constant(coefficient)
        return self._node(("mul", self.constant(coefficient), index), self.support[index])

    def _unit(self, index: int) -> tuple[int, int]:
        """A node as (rest, product of exponentials), the latter -1 if there is none."""
        if index in self._units:
            return self.one, index
        node = self.nodes[index]
        if node[0] == "mul":
            if node[2] in self._units:
                return node[1], node[2]
            if node[1] in self._units:
                return node[2], node[1]
        return index, -1

    def _times_unit(self, rest: int, unit: int) -> int:
        """rest times a product of exponentials, which stays outermost but for constants."""
        coefficient, rest = self._coefficient(rest)
        if rest < 0 or rest == self.one:
            return self._scaled(coefficient, unit)
        return self._scaled(coefficient, self._node(
            ("mul", min(rest, unit), max(rest, unit)),
            self.support[rest] | self.support[unit]))

    def add(self, a: int, b: int) -> int:
        """The sum of two nodes."""
        # Equal constants are one node, so comparing indices finds zeros and ones.
        if a == self.zero:
            return b
        if b == self.zero:
            return a
        va, vb = self._value(a), self._value(b)
        if va is not None and vb is not None:
            return self.constant(va + vb)
        ca, ra = self._split(a)
        cb, rb = self._split(b)
        if ra == rb:
            return self._scaled(ca + cb, ra)
        (sa, ua), (sb, ub) = self._unit(ra), self._unit(rb)
        if ua == ub >= 0:
            return self._times_unit(self.add(self._scaled(ca, sa), self._scaled(cb, sb)), ua)
        if abs(ca) == abs(cb) != 1:
            return self._scaled(ca, self.add(ra, rb) if ca == cb else self.sub(ra, rb))
        if cb < 0:
            return self.sub(a, self._scaled(-cb, rb))
        if ca < 0:
            return self.sub(b, self._scaled(-ca, ra))
        if a > b:
            a, b = b, a
        return self._node(("add", a, b), self.support[a] | self.support[b])

    def sub(self, a: int, b: int) -> int:
        """The difference of two nodes."""
        if b == self.zero:
            return a
        if a == self.zero:
            return self.neg(b)
        va, vb = self._value(a), self._value(b)
        if va is not None and vb is not None:
            return self.constant(va - vb)
        ca, ra = self._split(a)
        cb, rb = self._split(b)
        if ra == rb:
            return self._scaled(ca - cb, ra)
        (sa, ua), (sb, ub) = self._unit(ra), self._unit(rb)
        if ua == ub >= 0:
            return self._times_unit(self.sub(self._scaled(ca, sa), self._scaled(cb, sb)), ua)
        if abs(ca) == abs(cb) != 1:
            return self._scaled(ca, self.sub(ra, rb) if ca == cb else self.add(ra, rb))
        if cb < 0:
            return self.add(a, self._scaled(-cb, rb))
        if ca < 0:
            return self.neg(self.add(self._scaled(-ca, ra), b))
        return self._node(("sub", a, b), self.support[a] | self.support[b])

    def neg(self, a: int) -> int:
        """The negative of a node."""
        node = self.nodes[a]
        if node[0] == "const":
            return self.constant(-node[1])
        if node[0] == "neg":
            return node[1]
        return self._node(("neg", a), self.support[a])

    def mul(self, a: int, b: int) -> int:
        """The product of two nodes."""
        if a == self.zero or b == self.zero:
            return self.zero
        if a == self.one:
            return b
        if b == self.one:
            return a
        ca, ra = self._coefficient(a)
        cb, rb = self._coefficient(b)
        if ra < 0 or rb < 0:
            rest = rb if ra < 0 else ra
            product = ca * cb
            return self.constant(product) if rest < 0 else self._scaled(product, rest)
        (sa, ua), (sb, ub) = self._unit(ra), self._unit(rb)
        if ua < 0 and ub < 0:
            return self._scaled(ca * cb, self._product(ra, rb))
        unit = max(ua, ub)
        if ua >= 0 and ub >= 0:
            unit = self._product(ua, ub)
            self._units.add(unit)
        return self._scaled(ca * cb, self._times_unit(self.mul(sa, sb), unit))

    def _product(self, a: int, b: int) -> int:
        """The product of two nodes without coefficients."""
        (base_a, na), (base_b, nb) = self._base(a), self._base(b)
        if base_a == base_b:
            return self.pow(base_a, na + nb)
        return self._node(("mul", min(a, b), max(a, b)), self.support[a] | self.support[b])

    def _coefficient(self, index: int) -> tuple[int | Fraction, int]:
        """As `_split`, with rest -1 for a pure constant."""
        value = self._value(index)
        return (value, -1) if value is not None else self._split(index)

    def _base(self, index: int) -> tuple[int, int]:
        node = self.nodes[index]
        return (node[1], node[2]) if node[0] == "pow" else (index, 1)

    def div(self, a: int, b: int) -> int:
        """The quotient of two nodes."""
        vb = self._value(b)
        if vb is not None:
            if vb == 0:
                raise UnsupportedFunction("a cost divides by zero everywhere")
            return self.mul(self.constant(Fraction(1) / vb), a)
        ca, ra = self._coefficient(a)
        if ra < 0 and ca == 0:
            return self.zero
        cb, rb = self._split(b)
        numerator = self.one if ra < 0 else ra
        (sa, ua), (sb, ub) = self._unit(numerator), self._unit(rb)
        if ua == ub >= 0:
            # exp is nowhere zero, so it cancels.
            return self.div(self._scaled(ca, sa), self._scaled(cb, sb))
        if ua >= 0:
            return self._times_unit(self.div(self._scaled(ca, sa), b), ua)
        quotient = self._node(("div", numerator, rb),
                              self.support[numerator] | self.support[rb])
        return self._scaled(Fraction(ca) / cb, quotient)

    def pow(self, a: int, n: int) -> int:
        """A node to the integer power ``n`` (negative powers divide)."""
        if n < 0:
            return self.div(self.one, self.pow(a, -n))
        if n == 0:
            return self.one
        if n == 1:
            return a
        value = self._value(a)
        if value is not None and n * max(value.numerator.bit_length(),
                                         value.denominator.bit_length()) <= _FOLD_BITS:
            return self.constant(value ** n)
        coefficient, rest = self._split(a)
        if abs(coefficient) != 1:
            return self.mul(self.pow(self.constant(coefficient), n), self.pow(rest, n))
        if coefficient < 0:
            power = self.pow(rest, n)
            return self.neg(power) if n % 2 else power
        rest, unit = self._unit(a)
        if unit >= 0 and rest != self.one:
            return self.mul(self.pow(rest, n), self.pow(unit, n))
        base, m = self._base(a)
        power = self._node(("pow", base, m * n), self.support[base])
        if unit >= 0:
            self._units.add(power)
        return power

    def power(self, a: int, q: Fraction) -> int:
        """A node to a rational power; real, so ``a >= 0`` unless q is an integer."""
        if q.denominator == 1:
            return self.pow(a, q.numerator)
        if q < 0:
            return self.div(self.one, self.power(a, -q))
        if q == Fraction(1, 2):
            return self.apply("sqrt", a)
        if self._value(a) in (0, 1):
            return a
        return self._node(("powr", a, q), self.support[a])

    def apply(self, name: str, a: int) -> int:
        """A unary function of a node."""
        value = self._value(a)
        if value == 0 and name in _AT_ZERO:
            return self.constant(_AT_ZERO[name])
        if value == 1 and name in ("log", "acos", "acosh", "sqrt"):
            return self.one if name == "sqrt" else self.zero
        if name in _ODD or name in _EVEN:
            coefficient, _ = self._coefficient(a)
            if coefficient < 0:
                flipped = self.apply(name, self.neg(a))
                return flipped if name in _EVEN else self.neg(flipped)
        index = self._node((name, a), self.support[a])
        if name == "exp":
            self._units.add(index)
        return index

    def sum(self, terms: Sequence[int]) -> int:
        """A sum as a balanced tree, so that long sums stay shallow."""
        terms = list(terms)
        if not terms:
            return self.zero
        while len(terms) > 1:
            pairs = [self.add(a, b) for a, b in zip(terms[::2], terms[1::2])]
            terms = pairs + terms[len(terms) & ~1:]
        return terms[0]

    def dot(self, left: Iterable[int], right: Iterable[int]) -> int:
        """The sum of products of two equally long lists of nodes."""
        return self.sum([self.mul(a, b) for a, b in zip(left, right)])

    def pi(self) -> int:
        """The node of the number pi."""
        return self._node(("pi",), 0)

    def polygamma(self, a: int, order: int) -> int:
        """The polygamma function of order 0, 1, ... of a node; order 0 is digamma."""
        return self._node(("polygamma", a, order), self.support[a])

    def select(self, c: int, a: int, b: int) -> int:
        """The node a where c > 0, else b; both must be defined everywhere, and differentiable."""
        value = self._value(c)
        if value is not None or a == b:
            return a if value is None or value > 0 else b
        return self._node(("select", c, a, b), self.support[c] | self.support[a] | self.support[b])

    # -- derivatives -----------------------------------------------------

    def gradient(self, output: int, variables: Iterable[int]) -> list[int]:
        """Nodes of the derivatives of ``output`` in the given nodes of variables.

        In reverse mode: the cost is that of the graph between them and the output.
        """
        nodes, support, wanted = self.nodes, self.support, list(variables)
        if nodes[output][0] == "neg":
            # So that the game (f, -f) has one set of derivatives, not two.
            return [self.neg(d) for d in self.gradient(nodes[output][1], wanted)]
        mask = 0
        for v in wanted:
            mask |= support[v]
        if not support[output] & mask:
            return [self.zero] * len(wanted)
        shares: dict[int, list[int]] = {output: [self.one]}
        adjoints: dict[int, int] = {}
        queue = [-output]
        while queue:
            index = -heapq.heappop(queue)
            adjoint = self.sum(shares.pop(index))
            node = nodes[index]
            if node[0] == "var":
                adjoints[index] = adjoint
                continue
            for position, operand in enumerate(operands(node), 1):
                if support[operand] & mask:
                    if operand not in shares:
                        shares[operand] = []
                        heapq.heappush(queue, -operand)
                    shares[operand].append(self._share(adjoint, index, node, position))
        return [adjoints.get(v, self.zero) for v in wanted]

    def _share(self, adjoint: int, index: int, node: Node, position: int) -> int:
        """What a node adds to the adjoint of its operand at a position, from 1 on."""
        operation, second = node[0], position == 2
        if operation == "select":
            shares = {2: (adjoint, self.zero), 3: (self.zero, adjoint)}
            return self.select(node[1], *shares[position]) if position in shares else self.zero
        if operation == "mul":
            return self.mul(adjoint, node[3 - position])
        if operation == "add":
            return adjoint
        if operation == "sub":
            return self.neg(adjoint) if second else adjoint
        if operation == "neg":
            return self.neg(adjoint)
        if operation == "div":
            quotient = self.div(adjoint, node[2])
            return self.neg(self.mul(quotient, index)) if second else quotient
        return self._chain(adjoint, index, node)

    def _chain(self, adjoint: int, index: int, node: Node) -> int:
        """adjoint times the derivative of a function of one operand."""
        operation, a = node[0], node[1]
        times, over = self.mul, self.div
        if operation == "pow":
            n = node[2]
            return times(times(adjoint, self.constant(n)), self.pow(a, n - 1))
        if operation == "powr":
            q = node[2]
            return times(times(adjoint, self.constant(q)), self.power(a, q - 1))
        if operation == "polygamma":
            return times(adjoint, self.polygamma(a, node[2] + 1))
        square = self.pow(a, 2) if operation in _OF_SQUARE else 0
        one = self.one
        if operation == "exp":
            return times(adjoint, index)
        if operation == "log":
            return over(adjoint, a)
        if operation == "sqrt":
            return over(adjoint, times(self.constant(2), index))
        if operation == "sin":
            return times(adjoint, self.apply("cos", a))
        if operation == "cos":
            return self.neg(times(adjoint, self.apply("sin", a)))
        if operation == "tan":
            return times(adjoint, self.add(one, self.pow(index, 2)))
        if operation == "sinh":
            return times(adjoint, self.apply("cosh", a))
        if operation == "cosh":
            return times(adjoint, self.apply("sinh", a))
        if operation == "tanh":
            return times(adjoint, self.sub(one, self.pow(index, 2)))
        if operation == "asin":
            return over(adjoint, self.apply("sqrt", self.sub(one, square)))
        if operation == "acos":
            return self.neg(over(adjoint, self.apply("sqrt", self.sub(one, square))))
        if operation == "atan":
            return over(adjoint, self.add(one, square))
        if operation == "asinh":
            return over(adjoint, self.apply("sqrt", self.add(one, square)))
        if operation == "acosh":
            return over(adjoint, self.apply("sqrt", self.sub(square, one)))
        if operation == "atanh":
            return over(adjoint, self.sub(one, square))
        if operation in ("erf", "erfc"):
            slope = self.div(self.constant(2), self.apply("sqrt", self.pi()))
            bell = times(slope, self.apply("exp", self.neg(square)))
            return times(adjoint, bell if operation == "erf" else self.neg(bell))
        if operation == "gamma":
            return times(times(adjoint, index), self.polygamma(a, 0))
        if operation == "loggamma":
            return times(adjoint, self.polygamma(a, 0))
        raise UnsupportedFunction(f"no derivative is known for {operation}")

    def jacobian(self, outputs: Sequence[int], variables: Sequence[int]) -> list[list[int]]:
        """Rows of partial derivatives, one reverse sweep an output."""
        return [self.gradient(output, variables) for output in outputs]

    # -- rewriting -------------------------------------------------------

    def substitute(self, outputs: Sequence[int], values: dict[int, int]) -> list[int]:
        """The outputs with nodes (of variables) replaced by other nodes."""
        mask = 0
        for v in values:
            mask |= self.support[v]
        done = dict(values)
        for index in self.reachable(outputs):
            if index in done:
                continue
            if not self.support[index] & mask:
                done[index] = index
                continue
            done[index] = self._rebuild(self.nodes[index], done)
        return [done[output] for output in outputs]

    def _rebuild(self, node: Node, done: dict[int, int]) -> int:
        operation, a = node[0], done[node[1]]
        if operation in _SEVERAL:
            return getattr(self, operation)(*(done[k] for k in operands(node)))
        if operation == "neg":
            return self.neg(a)
        if operation == "pow":
            return self.pow(a, node[2])
        if operation == "powr":
            return self.power(a, node[2])
        if operation == "polygamma":
            return self.polygamma(a, node[2])
        return self.apply(operation, a)

    def reachable(self, outputs: Iterable[int]) -> list[int]:
        """Indices of all nodes the outputs need, in order of evaluation."""
        seen: set[int] = set()
        stack = list(outputs)
        while stack:
            index = stack.pop()
            if index not in seen:
                seen.add(index)
                stack.extend(operands(self.nodes[index]))
        return sorted(seen)


_OF_SQUARE = frozenset("asin acos atan asinh acosh atanh erf erfc".split())
_SEVERAL = frozenset("add sub mul div select".split())


def operands(node: Node) -> tuple[int, ...]:
    """The indices of the nodes that a node needs."""
    operation = node[0]
    if operation in _SEVERAL:
        return node[1:]
    return () if operation in ("var", "const", "pi") else (node[1],)
