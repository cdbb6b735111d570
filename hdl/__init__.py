"""Synthesizable hardware in Amaranth. Generated Verilog goes to ``build/``, never here."""
