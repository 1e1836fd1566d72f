"""What signatures must leave alone: transforms, compilation, export, meta tensors, autocast."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from bareattention import (
    Block,
    DigitConfig,
    DigitTransformer,
    MultiHeadAttention,
    attention,
    softmax,
)

X = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
LOWER = torch.ones(3, 3, dtype=torch.bool).tril()
COLUMNS = torch.tensor([True, True, False, True])


class Called(nn.Module):
    """A function as a module, which is what `torch.export` takes."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


class OfImages(Called):
    """A single image is a batch of one."""

    def forward(self, images):
        return self.function(images.reshape(-1, *images.shape[-2:]))


def made(make):
    torch.manual_seed(0)
    return make().eval()


DIGITS = DigitConfig(d_model=4, n_heads=2, n_blocks=2, d_ff=8, image_size=3)
# What each is called with: tensors of 2 texts or images, and a mask that serves both.
CASES = {
    "softmax": (Called(lambda x, mask: softmax(x, 0.5, mask)), (X, COLUMNS)),
    "attention": (Called(lambda x, mask: attention(x, x + 1, x - 1, mask)), (X, LOWER)),
    "MultiHeadAttention": (made(lambda: MultiHeadAttention(4, 2)), (X, LOWER)),
    "Block": (made(lambda: Block(4, 2, 8, dropout=0.1, activation="gelu")), (X, LOWER)),
    "DigitTransformer": (made(lambda: OfImages(DigitTransformer(DIGITS))), (X[..., :3],)),
}
each = pytest.mark.parametrize("module, inputs", CASES.values(), ids=CASES)


def first(result):
    return result[0] if isinstance(result, tuple) else result


def equal(ours, theirs, **tolerance):
    torch.testing.assert_close(first(ours), first(theirs), **tolerance)


@each
def test_vmap_equals_a_loop(module, inputs):
    x, *rest = inputs
    mapped = torch.func.vmap(lambda one: first(module(one, *rest)))(x)
    equal(mapped, torch.stack([first(module(one, *rest)) for one in x]))


@each
def test_compiled_in_one_graph_it_computes_the_same(module, inputs):
    equal(torch.compile(module, fullgraph=True, backend="eager")(*inputs), module(*inputs))


@each
def test_exported_it_computes_the_same(module, inputs):
    equal(torch.export.export(module, inputs).module()(*inputs), module(*inputs))


@each
def test_meta_tensors_have_the_shape_of_the_result(module, inputs):
    x, *rest = (tensor.to("meta") for tensor in inputs)
    assert first(copy.deepcopy(module).to("meta")(x, *rest)).shape == first(module(*inputs)).shape


@each
def test_autocast_takes_mixed_float_types(module, inputs):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = first(module(*inputs))
    equal(ours.float(), module(*inputs), atol=0.05, rtol=0.05)


@each
def test_a_deep_copy_computes_the_same(module, inputs):
    equal(copy.deepcopy(module)(*inputs), module(*inputs), atol=0, rtol=0)


@each
def test_gradients_of_gradients_are_the_true_ones(module, inputs):
    x, *rest = inputs
    x, wide = x[:1].double().requires_grad_(), copy.deepcopy(module).double()
    with sdpa_kernel(SDPBackend.MATH):  # the fused ways have no second gradient
        assert torch.autograd.gradgradcheck(lambda x: first(wide(x, *rest)), x)
