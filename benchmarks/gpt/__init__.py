"""A GPT of one layer that learns to spell names, written for each peer.

The model is that of Karpathy's microgpt: width 16, 4 heads, 16 positions, an MLP of 64 with ReLU, RMSNorm without
parameters, no biases, 4,192 parameters. A step is one name: the loss is the mean of −log p(next letter) over its
positions, and Adam updates all parameters. ``problem`` has the data, ``scalar`` the model as plain loops over numbers.
"""
