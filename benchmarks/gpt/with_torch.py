"""The GPT in PyTorch, one text at a time and without padding."""

from __future__ import annotations

from typing import Any

from harness import Work

from gpt.problem import BETA1, BETA2, EPSILON, EPSILON_NORM, HEAD, HEADS, RATE, SHAPES, WIDTH


def _setup(problem: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return the weights as tensors, and loss(text)."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    w = {name: torch.tensor(m, dtype=torch.float64, requires_grad=True) for name, m in problem["weights"].items()}

    def rmsnorm(x: Any) -> Any:
        return F.rms_norm(x, (WIDTH,), eps=EPSILON_NORM)

    def heads(x: Any) -> Any:
        return x.view(-1, HEADS, HEAD).transpose(0, 1)

    def loss(text: Any) -> Any:
        x = rmsnorm(w["token"][text[:-1]] + w["position"][: len(text) - 1])
        residual, x = x, rmsnorm(x)
        q, k, v = (heads(F.linear(x, w[name])) for name in ("query", "key", "value"))
        x = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 1).reshape(-1, WIDTH)
        x = F.linear(x, w["output"]) + residual
        residual, x = x, rmsnorm(x)
        x = F.linear(F.relu(F.linear(x, w["up"])), w["down"]) + residual
        return F.cross_entropy(F.linear(x, w["logits"]), text[1:])

    return w, loss


def gradient(problem: dict[str, Any]) -> Work:
    """One text: ``loss.backward()``."""
    import torch

    w, loss = _setup(problem)
    text = torch.tensor(problem["texts"][0])

    def run() -> Any:
        for p in w.values():
            p.grad = None
        value = loss(text)
        value.backward()
        return value

    def answer() -> list[float]:
        return [run().item(), *(x for name in SHAPES for x in w[name].grad.ravel().tolist())]

    return Work(answer, run)


def steps(problem: dict[str, Any]) -> Work:
    """Adam on the stream: ``torch.optim.Adam``, all of its work in one fused loop."""
    import torch

    w, loss = _setup(problem)
    texts = [torch.tensor(text) for text in problem["texts"]]
    optimizer = torch.optim.Adam(w.values(), lr=RATE, betas=(BETA1, BETA2), eps=EPSILON, fused=True)

    def run() -> None:
        for text in texts:
            optimizer.zero_grad()
            loss(text).backward()
            optimizer.step()

    def answer() -> list[float]:
        run()
        return [x for name in SHAPES for x in w[name].ravel().tolist()]

    return Work(answer, run, per=len(texts))
