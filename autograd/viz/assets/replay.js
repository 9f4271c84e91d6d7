// Live numbers: the graph computed again, forward and backward, after leaves have been moved.  Whatever the page shows
// of data, local derivatives and gradients is read from the walk, whose numbers are replaced here.

class Replay {
  constructor(walk) {
    this.walk = walk;
    this.moved = new Map();  // the leaves that have another number than the recorded one
    this.recorded = { data: walk.data, locals: walk.arrows.map((arrow) => arrow.local), steps: walk.steps };
    this.operands = walk.operands.map((arrows) => arrows.map((a) => walk.arrows[a].tail));
    this.blocks = this.findBlocks();
  }

  // For each box, an operation between it and the output that has no row here: one of the user's own, in Python.
  findBlocks() {
    const { walk } = this;
    const found = walk.boxes.map(() => "");
    for (let i = walk.boxes.length - 1; i >= 0; i -= 1) {
      const own = this.operands[i].length && !Object.hasOwn(ROWS, walk.boxes[i].p ?? "") ? walk.boxes[i].o : "";
      const block = own || found[i];
      if (block) for (const tail of this.operands[i]) found[tail] = block;
    }
    return found;
  }

  // Whether a box is a leaf with a name.  A number without one is its own name, in every expression that uses it.
  isLeaf(i) {
    return Boolean(this.walk.boxes[i]?.m);
  }

  // The leaves that a step of gradient descent moves: the parameters if there are any, else all leaves with a name.
  get trained() {
    const leaves = [...this.walk.boxes.keys()].filter((i) => this.isLeaf(i));
    const parameters = leaves.filter((i) => this.walk.boxes[i].k === "parameter");
    return parameters.length ? parameters : leaves;
  }

  get differs() {
    return this.moved.size > 0;
  }

  // The output, or the sum of all outputs, which is what is differentiated.
  get output() {
    return this.outputOf(this.walk.data);
  }

  outputOf(data) {
    return fsum(...this.walk.roots.map((root) => data[root]));
  }

  // ---- changes ----
  set(numbers) {
    for (const [i, x] of numbers) {
      if (this.blocks[i]) throw new Error(`${this.blocks[i]} cannot be replayed`);
      if (Object.is(x, this.recorded.data[i])) this.moved.delete(i);
      else this.moved.set(i, x);
    }
    this.run();
  }

  reset() {
    this.moved.clear();
    this.run();
  }

  // One step of gradient descent: each parameter moves by -rate times its gradient.
  descend(rate) {
    const { walk } = this;
    this.set(this.trained.map((i) => [i, walk.data[i] - rate * walk.gradient(i)]));
  }

  // The output if one more leaf were moved; nothing is changed.
  outputWith(i, x) {
    return this.outputOf(this.forward(new Map([...this.moved, [i, x]])).data);
  }

  // ---- the two passes ----
  run() {
    const { walk } = this;
    const { data, touched } = this.forward(this.moved);
    walk.data = data;
    walk.touched = touched;
    this.differentiate();
    this.backward();
  }

  // The numbers of all boxes, and which boxes depend on a leaf that was moved; the others keep what Python recorded.
  forward(moved) {
    const { boxes } = this.walk;
    const data = [...this.recorded.data];
    const touched = boxes.map(() => false);
    boxes.forEach((box, i) => {  // in topological order
      const operands = this.operands[i];
      if (moved.has(i)) [data[i], touched[i]] = [moved.get(i), true];
      else if (operands.some((tail) => touched[tail])) {
        touched[i] = true;
        data[i] = ROWS[box.p].value(...operands.map((tail) => data[tail]));
      }
    });
    return { data, touched };
  }

  // The local derivatives of each operation by its operands.
  differentiate() {
    const { walk } = this;
    walk.boxes.forEach((box, i) => {
      const arrows = walk.operands[i];
      const isFresh = walk.touched[i] && arrows.length;
      const partials = isFresh && ROWS[box.p].partials(walk.data[i], ...this.operands[i].map((tail) => walk.data[tail]));
      arrows.forEach((a, k) => { walk.arrows[a].local = isFresh ? partials[k] : this.recorded.locals[a]; });
    });
  }

  // The steps of backward, in the order and with the sums of Python's.
  backward() {
    const { walk } = this;
    const grad = walk.boxes.map(() => 0);
    for (const root of walk.roots) grad[root] = 1;
    walk.steps = this.recorded.steps.map(({ arrow }) => {
      const { tail, head, local } = walk.arrows[arrow];
      const contribution = grad[head] * local;
      grad[tail] += contribution;
      return { arrow, contribution, after: grad[tail] };
    });
  }
}
