"""The file of a toy study, to be run on a surrogate."""

__all__ = ["TOY"]

TOY = """\
format: qsched/study/1
name: toy
task:
  data: {name: digits, validation: 400}
  network: {name: mlp9, width: 16}
  epochs: 10
  batch_size: 32
space: ana
baselines: [ana-ste-static, ana-2019-overlapped]
budget:
  trials: 4
  rungs: [{seeds: 2}, {seeds: 4}]
  learning_rates: [1.0]
sampler: {batch: 4}
confirmation: {candidates: 2, baselines: 2, selection_seeds: 3, report_seeds: 4}
lanes: 8
"""
