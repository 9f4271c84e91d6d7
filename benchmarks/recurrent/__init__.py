"""Recurrent networks over a sequence of vectors: tanh RNN, GRU, LSTM, written for each peer."""
