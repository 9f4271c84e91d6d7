"""What is wrong with a training: ``doctor`` tries a network on a batch and reports illnesses with their remedies."""

from nn.diagnosis.probe import Finding
from nn.diagnosis.report import Report, doctor

__all__ = ["Finding", "Report", "doctor"]
