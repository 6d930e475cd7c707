"""Pure ESG arithmetic and vocabulary: no input, output or database."""
