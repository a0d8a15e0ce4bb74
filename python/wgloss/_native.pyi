# Made by tools/stubs.py.
"""
The native part of `wgloss`, which is what to import.
"""

from _typeshed import SupportsGetItem
from typing import Any, Final, SupportsFloat, SupportsIndex, final

__all__ = ["VERSION", "Custom", "Evaluation", "Loss", "Plan", "Totals", "adapters", "catalogue", "evaluate", "forked", "get_default_backend", "proper_name", "run", "set_default_backend"]

VERSION: Final[str]
"""
The version of the package and of the library in it.
"""

@final
class Custom:
    """
    A loss of one's own: a WGSL function `value` of up to 16 arguments, from which its gradient is
    derived: `f32`, vectors `vec2<f32>` to `vec4<f32>` along a last dimension of that size, and `i32`, `u32`
    and `bool`, of arrays of integers and booleans.

    Parameters
    ----------
    text_or_path : str or path
        The WGSL, or the file that has it. The arguments of `value` are the inputs, which broadcast; a
        last one of type `Parameters`, a struct of numbers and arrays of them, has the parameters.
    name : str
        What totals and messages call it; by default the file's name, or "custom".
    **parameters
        The numbers of `Parameters`; of its arrays sequences, or arrays of one dimension.

    It is called with its inputs, by position or name, and with `reduction` and `backend` by name;
    parameters may be given anew. What a text comes to is kept for the life of the process, once for each
    text.

    Raises
    ------
    ValueError
        With line and column, if the text is not valid or has no derivative by its first argument.
    OSError
        If the file cannot be read.
    """
    def __call__(self, /, *inputs: Any, reduction: str = "mean", backend: str | None = None, **named: Any) -> Any:
        """
        The loss of some arrays, by position or name; parameters may be given by name as well.
        """
    def __new__(cls, text_or_path: Any, /, *, name: str | None = None, **parameters: Any) -> Custom: ...
    def __reduce__(self, /) -> tuple[Any, tuple[str, str, dict[str, Any], list[tuple[str, list[str]]]]]: ...
    def __repr__(self, /) -> str: ...
    def _check(self, /, inputs: SupportsGetItem[int, tuple[SupportsGetItem[int, SupportsIndex], str] | None], options: tuple[Any, ...], reduction: str, gradients: SupportsGetItem[int, SupportsIndex]) -> list[int]:
        """
        Checks the types and shapes of inputs, in their order: the shape of the loss.
        """
    def _facts(self, /) -> list[dict[str, Any]]:
        """
        What is known of each input, as in the catalogue.
        """
    def _forward(self, /, inputs: tuple[Any, ...], options: tuple[Any, ...], reduction: str, backend: str | None, gradients: SupportsGetItem[int, SupportsIndex], upstream: Any | None = None, wide: bool = False) -> list[Any]:
        """
        The loss in the element type of the inputs, and the gradients of the inputs at some places in
        float32; with an upstream gradient only these, each multiplied by it, in its input's type.

        The options are all parameters in their order; with none they are those that are set.
        """
    @staticmethod
    def _restored(text: str, name: str, parameters: dict[str, Any], steps: SupportsGetItem[int, tuple[str, SupportsGetItem[int, str]]]) -> Custom:
        """
        One of the same text, name, parameters and derivatives: for pickles.
        """
    def along(self, /, *arguments: Any) -> Custom:
        """
        The loss that is this one's derivative along directions of some arguments, with the same
        parameters: the sum of each one's derivative times its direction, an input `NAME_direction` after
        all arguments. Its gradients by the arguments are the product of the Hessian with the directions.
        """
    def derivative(self, /, argument: str) -> Custom:
        """
        The loss that is this one's derivative by an argument, or by a number of a vector ("box.x"), with the
        same parameters. Its gradients are second derivatives: by the same argument the diagonal of the
        Hessian, by another one the mixed derivative by both.
        """
    @property
    def derived(self, /) -> str:
        """
        The WGSL of `value` and of the gradient that was derived from it.
        """
    @property
    def inputs(self, /) -> list[str]:
        """
        The names of its inputs.
        """
    @property
    def name(self, /) -> str:
        """
        Its name.
        """
    @property
    def parameters(self, /) -> dict[str, Any]:
        """
        The parameters that are set, by name.
        """
    @property
    def text(self, /) -> str:
        """
        The text that it was made of.
        """

@final
class Evaluation:
    """
    What a batch came to.
    """
    def __repr__(self, /) -> str: ...
    @property
    def gradients(self, /) -> dict[str, Any]:
        """
        The gradients by the names of their inputs, each in its input's shape.
        """
    @property
    def timings(self, /) -> dict[str, Any]:
        """
        Where the time went, in seconds ("plan", "upload", "kernels", "read_back"), and what timed the
        kernels ("clock": wall or "timestamps").
        """
    @property
    def totals(self, /) -> Totals | None:
        """
        The sums that the loss is made of, if they were asked for.
        """
    @property
    def value(self, /) -> Any:
        """
        The loss in float32: a number, or with reduction "none" one for each term.
        """

@final
class Loss:
    """
    A loss of the catalogue.
    """
    def check(self, /, inputs: SupportsGetItem[int, tuple[SupportsGetItem[int, SupportsIndex], str] | None], options: tuple[Any, ...], reduction: str, gradients: SupportsGetItem[int, SupportsIndex]) -> list[int]:
        """
        Checks the types and shapes of inputs, in their order: the shape of the loss.
        """
    def facts(self, /) -> dict[str, Any]:
        """
        What is known of it: names, documentation, inputs, options, reductions.
        """
    def forward(self, /, inputs: tuple[Any, ...], options: tuple[Any, ...], reduction: str, backend: str | None, gradients: SupportsGetItem[int, SupportsIndex], upstream: Any | None = None, wide: bool = False) -> list[Any]:
        """
        The loss in the element type of the inputs, and the gradients of the inputs at some places in
        float32; with an upstream gradient only these, each multiplied by it, in its input's type.
        """
    def value(self, /, inputs: tuple[Any, ...], options: tuple[Any, ...], reduction: str, backend: str | None) -> Any:
        """
        The loss of some inputs, with all options, both in the order of the facts.
        """

@final
class Plan:
    """
    A loss whose inputs and results stay on a GPU, so that a loop measures kernels and not transfers.

    Parameters
    ----------
    loss : str or Custom
        The loss, by any of its names, or one of your own.
    gradients : names of inputs, or True
        The inputs whose gradients are wanted; True for all that are given and have one.
    reduction : mean, "sum", "none" or "batchmean"
        How the terms are combined; by default as the loss has it.
    backend : str
        "gpu", the fastest adapter, or a part of an adapter's name.
    totals : bool
        Whether the sums that the loss is made of are wanted.
    upstream : array
        What gradients are multiplied by, in float32: one number, or with reduction "none" one for each
        term. `upload(upstream=...)` changes it.
    gradient_type : float32 or "input"
        The element type of the gradients: input is that of each input.
    loss_scale, loss_weight : float
        What gradients, and what loss and gradients, are multiplied by before they are rounded.
    **inputs_and_options
        Each input as an array, which is uploaded, or as a shape and an element type, such as
        `((64, 1000), "float32")`, to be uploaded later; and options of the loss by name.
    """
    def __new__(cls, loss: str | Custom, /, *, gradients: list[str] | tuple[str, ...] | str | bool | None = None, totals: bool = False, reduction: str | None = None, backend: str = "gpu", upstream: Any | None = None, gradient_type: str = "float32", loss_scale: SupportsFloat | SupportsIndex = 1.0, loss_weight: SupportsFloat | SupportsIndex = 1.0, **inputs_and_options: Any) -> Plan: ...
    def __repr__(self, /) -> str: ...
    def download(self, /) -> Evaluation:
        """
        What the last run came to. Its timings are those of planning, of all uploads, of the last run (all
        its times together) and of reading back.
        """
    def run(self, /, times: SupportsIndex = 1) -> None:
        """
        Runs the kernels so many times, one after the other, and waits for them. `download` tells how long
        they took.
        """
    def upload(self, /, **inputs: Any) -> None:
        """
        Uploads inputs by name, of the types and shapes that were planned.
        """

@final
class Totals:
    """
    The sums that a reduced loss is made of, and which items of a batch they are of: along the first axis
    of the losses. Those of parts of a batch (micro-batches, files, machines), each evaluated with its
    `part`, add up by `+` in any order to those of the whole: the same bits, however the batch was cut.
    What is there already is refused. They can be pickled.
    """
    def __add__(self, next: object, /) -> Totals: ...
    def __bytes__(self, /) -> bytes:
        """
        The same as `to_bytes`.
        """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __radd__(self, zero: object, /) -> Totals:
        """
        So that `sum(parts)`, which begins with 0, works.
        """
    def __reduce__(self, /) -> tuple[Any, tuple[bytes]]: ...
    def __repr__(self, /) -> str: ...
    def at(self, /, first: SupportsIndex, of: SupportsIndex | None = None) -> Totals:
        """
        The same of a part that begins at an item of a batch of so many, if that is known: for those of a
        plan, which knows no place. Those of more than 4096 terms can be moved by whole blocks of 4096 only.
        """
    @property
    def count(self, /) -> int:
        """
        The number of terms.
        """
    @property
    def covered(self, /) -> list[tuple[int, int]]:
        """
        The items that they are of, as pairs of the first one and the one after the last.
        """
    @staticmethod
    def from_bytes(data: bytes) -> Totals:
        """
        Those that `to_bytes` wrote.
        """
    @staticmethod
    def from_json(text: str) -> Totals:
        """
        Those that `to_json` wrote, or the program's `--totals`.
        """
    @property
    def is_whole(self, /) -> bool:
        """
        Whether they are of the whole batch; False where its size is not known.
        """
    @staticmethod
    def join(parts: Any) -> Totals:
        """
        Those of any number of parts, in any order.
        """
    @property
    def kept(self, /) -> int:
        """
        The number of rows that are not ignored, or that of all terms.
        """
    @property
    def loss(self, /) -> str:
        """
        The name of the loss.
        """
    @property
    def missing(self, /) -> list[tuple[int, int]]:
        """
        The items that are missing: of the whole batch or, where its size is not known, before the last
        one that is there.
        """
    @property
    def of(self, /) -> int | None:
        """
        The number of items of the whole batch, if it is known.
        """
    @property
    def reduction(self, /) -> str:
        """
        The reduction that they were taken with.
        """
    @property
    def sum(self, /) -> float:
        """
        The sum of the terms, each with its weight.
        """
    def to_bytes(self, /) -> bytes:
        """
        As bytes: some hundred, and 4 or 8 for each term of the blocks of 4096 that the part cuts.
        """
    def to_json(self, /) -> str:
        """
        As text, exact.
        """
    @property
    def value(self, /) -> float:
        """
        The loss: the sum, divided as the reduction says.
        """
    @property
    def weight(self, /) -> float:
        """
        The sum of the weights of the kept terms; their number where they have no weights.
        """

def adapters() -> list[str]:
    """
    The names of the adapters that can run the kernels, the fastest kind first.
    """

def catalogue() -> list[Loss]:
    """
    Every loss, in alphabetical order.
    """

def evaluate(loss: str | Custom, /, *, gradients: list[str] | tuple[str, ...] | str | bool | None = None, totals: bool = False, reduction: str | None = None, backend: str | None = None, upstream: Any | None = None, denominator: Totals | None = None, part: tuple[int, int | None] | None = None, gradient_type: str = "float32", loss_scale: SupportsFloat | SupportsIndex = 1.0, loss_weight: SupportsFloat | SupportsIndex = 1.0, **inputs_and_options: Any) -> Evaluation:
    """
    Evaluates a loss: its value, gradients and totals in one pass over the data.

    Parameters
    ----------
    loss : str or Custom
        The loss, by any of its names, or one of your own.
    gradients : names of inputs, or True
        The inputs whose gradients are wanted; True for all that are given and have one.
    totals : bool
        Whether the sums that the loss is made of are wanted, which add up with those of other parts.
    reduction : mean, "sum", "none" or "batchmean"
        How the terms are combined; by default as the loss has it.
    backend : str
        Where: see set_default_backend.
    upstream : array
        What gradients are multiplied by: one number, or with reduction "none" one for each term.
    denominator : Totals
        Those of a whole batch that this is a part of: the value is the part's share in the mean of the
        whole, and gradients are those of the whole.
    part : (first, of)
        Where it lies in a larger batch, which totals then say: the number of items before it, and that of
        the whole batch, or None. Items are along the first axis of the losses. By default it is whole.
    gradient_type : float32 or "input"
        The element type of the gradients: input is that of each input.
    loss_scale, loss_weight : float
        What gradients, and what loss and gradients, are multiplied by before they are rounded.
    **inputs_and_options
        The inputs (arrays) and options of the loss by name.

    Returns
    -------
    Evaluation
        With value, gradients (by name), totals and timings.

    Raises
    ------
    ValueError
        If a shape or an option does not fit.
    TypeError
        If an element type does not fit, or an argument is unknown or missing.
    IndexError
        If a class index is outside its range.
    """

def forked() -> None:
    """
    Called in a process that was forked.
    """

def get_default_backend() -> str:
    """
    Where losses are evaluated that do not say it.
    """

def proper_name(name: str) -> str:
    """
    The name of the loss that any of its names means.
    """

def run(arguments: SupportsGetItem[int, str]) -> int:
    """
    Runs the program `wgloss` with these arguments, of which the first one is its name; its exit code.
    """

def set_default_backend(backend: str) -> None:
    """
    Sets where losses are evaluated that do not say it: auto (the fastest GPU that is hardware, or
    else the CPU), "cpu", "gpu" (the fastest adapter, a software one too), or a part of an adapter's
    name.

    Before it is called, that is what the environment variable WGLOSS_BACKEND says, or "auto".

    Raises RuntimeError if there is no such adapter.
    """
