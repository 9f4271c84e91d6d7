"""The GPT in numpy, forward and backward written by hand in matrix form: what a careful person would write."""

from __future__ import annotations

from typing import Any

from harness import Work

from gpt.problem import BETA1, BETA2, EPSILON, EPSILON_NORM, HEAD, HEADS, POSITIONS, RATE, SHAPES, WIDTH, flat


def _views(vector: Any) -> dict[str, Any]:
    """Return the matrices as views of one vector, so that Adam is a formula on a single array."""
    views, start = {}, 0
    for name, (rows, columns) in SHAPES.items():
        views[name] = vector[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
    return views


def _gradient(np: Any) -> Any:
    """Return gradient(w, g, text): writes the gradient into the matrices g, returns the loss."""
    hidden = np.triu(np.full((POSITIONS, POSITIONS), -np.inf), 1)

    def heads(x: Any) -> Any:
        return x.reshape(len(x), HEADS, HEAD).transpose(1, 0, 2)

    def joined(x: Any) -> Any:
        return x.transpose(1, 0, 2).reshape(-1, WIDTH)

    def rmsnorm(x: Any) -> tuple[Any, Any]:
        scale = ((x * x).mean(axis=1, keepdims=True) + EPSILON_NORM) ** -0.5
        return x * scale, scale

    def rmsnorm_backward(dy: Any, y: Any, scale: Any) -> Any:
        return scale * (dy - y * (dy * y).mean(axis=1, keepdims=True))

    def softmax(z: Any) -> Any:
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def gradient(w: dict[str, Any], g: dict[str, Any], text: Any) -> float:
        tokens, targets, n = text[:-1], text[1:], len(text) - 1
        # forward
        x, scale_x = rmsnorm(w["token"][tokens] + w["position"][:n])
        y, scale_y = rmsnorm(x)
        q, k, v = heads(y @ w["query"].T), heads(y @ w["key"].T), heads(y @ w["value"].T)
        shares = softmax(q @ k.transpose(0, 2, 1) / HEAD**0.5 + hidden[:n, :n])
        a = joined(shares @ v)
        r = a @ w["output"].T + x
        s, scale_s = rmsnorm(r)
        h = np.maximum(s @ w["up"].T, 0.0)
        o = h @ w["down"].T + r
        p = softmax(o @ w["logits"].T)
        loss = -np.log(p[np.arange(n), targets]).mean()
        # backward; d… is the derivative of the loss with respect to …
        dz = p
        dz[np.arange(n), targets] -= 1.0
        dz /= n
        g["logits"][:] = dz.T @ o
        do = dz @ w["logits"]
        g["down"][:] = do.T @ h
        dh = do @ w["down"] * (h > 0)
        g["up"][:] = dh.T @ s
        dr = do + rmsnorm_backward(dh @ w["up"], s, scale_s)
        g["output"][:] = dr.T @ a
        da = heads(dr @ w["output"])
        dv = joined(shares.transpose(0, 2, 1) @ da)
        dshares = da @ v.transpose(0, 2, 1)
        dscores = shares * (dshares - (dshares * shares).sum(axis=2, keepdims=True)) / HEAD**0.5
        dq, dk = joined(dscores @ k), joined(dscores.transpose(0, 2, 1) @ q)
        g["query"][:], g["key"][:], g["value"][:] = dq.T @ y, dk.T @ y, dv.T @ y
        dy = dq @ w["query"] + dk @ w["key"] + dv @ w["value"]
        dx = rmsnorm_backward(dr + rmsnorm_backward(dy, y, scale_y), x, scale_x)
        g["token"][:] = 0.0
        np.add.at(g["token"], tokens, dx)
        g["position"][:n], g["position"][n:] = dx, 0.0
        return float(loss)

    return gradient


def gradient(problem: dict[str, Any]) -> Work:
    """One text."""
    import numpy as np

    theta = np.array(flat(problem["weights"]))
    dtheta = np.empty_like(theta)
    function, w, g, text = _gradient(np), _views(theta), _views(dtheta), np.array(problem["texts"][0])

    return Work(lambda: [function(w, g, text), *dtheta.tolist()], lambda: function(w, g, text))


def steps(problem: dict[str, Any]) -> Work:
    """Adam on the stream."""
    import numpy as np

    theta = np.array(flat(problem["weights"]))
    dtheta, m, v = np.empty_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    function, w, g = _gradient(np), _views(theta), _views(dtheta)
    texts, t = [np.array(text) for text in problem["texts"]], 0

    def run() -> None:
        nonlocal m, v, theta, t
        for text in texts:
            t += 1
            function(w, g, text)
            m *= BETA1
            m += (1 - BETA1) * dtheta
            v *= BETA2
            v += (1 - BETA2) * dtheta * dtheta
            theta -= RATE / (1 - BETA1**t) * m / (np.sqrt(v / (1 - BETA2**t)) + EPSILON)

    def answer() -> list[float]:
        run()
        return list(theta.tolist())

    return Work(answer, run, per=len(texts))
