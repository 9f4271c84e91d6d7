"""Names of PyTorch, JAX and HIPS autograd that this package does not have: what to write instead."""

from __future__ import annotations

_NAMES = {
    "a number with a gradient is Value(2.0), and a tensor is a list of them": "tensor Tensor as_tensor Variable zeros "
    "ones randn rand full arange linspace",
    "it is called clip here": "clamp",
    "write x ** y": "pow",
    "random.seed decides what the module random draws": "manual_seed",
    "gradients are recorded except inside `with autograd.no_grad():`": "enable_grad set_grad_enabled inference_mode "
    "is_grad_enabled",
    "`with autograd.strict():` finds the first nan, with its line": "set_detect_anomaly detect_anomaly",
    "@autograd.primitive makes an operation of a function and its derivative": "Function custom_vjp custom_jvp defvjp "
    "lgamma digamma erfc sinc",
    "fsum adds up a list, and sumprod two": "sum mean dot matmul einsum mm",
    "values are in plain lists: use those of Python": "stack cat concat reshape",
    "it is in autograd.functional": "value_and_grad jacobian hessian jvp vjp",
    "autograd.functional.jacobian is the derivative of a list by a list": "jacfwd jacrev",
    "autograd.functional.grad of the function of one number, or compile(f).map(xs)": "elementwise_grad",
    "it is called autograd.compile": "jit",
    "write a loop over the samples, which compile finds": "vmap",
    "numpy's own functions take Values: import numpy as np": "numpy np scipy",
}

# For each name what to write instead.
INSTEAD = {name: advice for advice, names in _NAMES.items() for name in names.split()}
