"""Reasoning: questions in words, a search for evidence within a budget of frames, answers that say when and where."""
