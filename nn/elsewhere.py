"""Names of PyTorch that this package does not have: what to write instead."""

from __future__ import annotations

_PART = "any function can be a part of Sequential, as in Sequential(Linear(2, 3), lambda x: [abs(a) for a in x])"
_LIST = "a plain list or dictionary in an attribute will do: the parameters of its modules are found"
_LOOP = "loop over the sequence with nn.{}, which does one step"
_LOSS = "a loss of your own is a function of an output and its target"
_RULE = "an optimiser of your own is a rule of a few lines: help(nn.Optimizer)"
_SCHEDULE = "nn.LambdaLR takes any function of the epoch"
_BATCH = "samples are computed one by one, so there is no mean over a batch: nn.LayerNorm and nn.RMSNorm need none"
_DRAW = "set the numbers yourself, as in p.data = random.gauss(0, 0.1); MLP has init='he_normal' or 'xavier_uniform'"

_NAMES = {
    "any leaf Value in an attribute is a parameter, as in self.w = Value(0.5)": "Parameter",
    "a Value that is to stay as it is: Value(0.5).requires_grad_(False), or a plain number": "Buffer",
    _LIST: "ModuleList ModuleDict ParameterList ParameterDict",
    "its functions are in nn (nn.cross_entropy) and in autograd (autograd.relu)": "functional",
    "nn.clip_grad_norm_ and nn.clip_grad_value_ are here without it": "utils",
    "schedules are in nn itself, as in nn.StepLR": "lr_scheduler",
    "read_csv, load_iris, make_moons and minibatches give data": "DataLoader TensorDataset",
    _PART: "Flatten Unflatten MaxPool1d MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool2d Conv1d Conv3d ConvTranspose2d "
    "Hardtanh ReLU6 SELU CELU Mish Softsign Hardswish Hardsigmoid PReLU LogSigmoid Threshold Upsample ZeroPad2d",
    _BATCH: "BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d GroupNorm",
    _LOOP.format("RNNCell"): "RNN",
    _LOOP.format("LSTMCell"): "LSTM",
    _LOOP.format("GRUCell"): "GRU",
    "MultiheadAttention, LayerNorm and Linear are its parts: notebooks/10_gpt.ipynb puts them together": "Transformer "
    "TransformerEncoder TransformerEncoderLayer TransformerDecoder TransformerDecoderLayer",
    "nn.huber_loss is the same for a threshold of 1": "SmoothL1Loss smooth_l1_loss",
    _LOSS: "KLDivLoss CosineEmbeddingLoss MarginRankingLoss TripletMarginLoss PoissonNLLLoss GaussianNLLLoss "
    "MultiMarginLoss HingeEmbeddingLoss SoftMarginLoss CTCLoss kl_div",
    _RULE: "Adadelta Adagrad Adamax ASGD LBFGS Lion NAdam RAdam Rprop Muon SparseAdam Adafactor",
    _SCHEDULE: "CyclicLR OneCycleLR CosineAnnealingWarmRestarts SequentialLR ChainedScheduler ConstantLR "
    "MultiplicativeLR PolynomialLR",
    _DRAW: "kaiming_normal_ kaiming_uniform_ xavier_normal_ xavier_uniform_ normal_ uniform_ zeros_ ones_ constant_ "
    "orthogonal_ trunc_normal_",
    "nn.Linear is a layer, and MLP a whole network": "Dense",
    "it is in autograd, as in autograd.relu": "relu tanh sigmoid softplus silu elu leaky_relu",
}  # fmt: skip
_OF_MODELS = {
    "write nn.fit(model, X, y)": "fit compile",
    "write nn.predict(model, X)": "predict predict_proba",
    "numbers are floats in the processor's memory: leave it out": "to cpu cuda double float half",
    "model.modules() has all parts": "children named_children named_modules",
}

# For each name what to write instead, in the package and on a model.
ADVICE = {name: advice for advice, names in _OF_MODELS.items() for name in names.split()}
INSTEAD = {name: advice for advice, names in _NAMES.items() for name in names.split()}
