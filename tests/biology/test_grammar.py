import numpy as np

from peft_sp.biology.grammar import (
    DECLARATIONS,
    EUKARYOTIC_TYPES,
    STATES,
    TYPES,
    grammar,
    state,
    states_named,
)


def test_states_are_numbered_as_published():
    expected = {
        "NO_SP": "I M O",
        "SP": "N H C I M O",
        "LIPO": "N H CS C1 I M O",
        "TAT": "N RR H C I M O",
        "TATLIPO": "N RR H CS C1 I M O",
        "PILIN": "P CS H I M O",
    }
    flat = [(name, part) for name, parts in expected.items() for part in parts.split()]
    assert [(s.type, s.name) for s in STATES] == flat
    assert [s.index for s in STATES] == list(range(37))
    assert tuple(expected) == TYPES


def test_what_follows_from_the_states_of_a_type():
    def types_with(fact):
        return [one.name for one in DECLARATIONS if getattr(one, fact)]

    assert types_with("is_lipoprotein") == ["LIPO", "TATLIPO"]
    assert types_with("is_twin_arginine") == ["TAT", "TATLIPO"]
    assert types_with("is_pilin") == ["PILIN"]
    assert types_with("eukaryotic") == list(EUKARYOTIC_TYPES) == ["NO_SP", "SP"]


def test_starts_ends_and_cuts():
    rules = grammar()
    assert np.flatnonzero(rules.starts).tolist() == [0, 2, 3, 9, 16, 23, 31]
    assert np.flatnonzero(rules.ends).tolist() == sorted(
        s for name in "IMO" for s in states_named(name)
    )
    assert rules.cuts[:, 0].tolist() == [5, 11, 19, 26, 31]
    assert rules.cuts[:, 1].tolist() == [8, 12, 22, 27, 32]


def test_no_transition_leads_from_one_type_to_another():
    rules = grammar()
    sources, targets = np.nonzero(rules.transitions)
    assert (rules.type_of_state[sources] == rules.type_of_state[targets]).all()


def test_arrows_of_each_type():
    rules = grammar()

    def follows(type_name, source):
        return {
            s.name for s in STATES if s.type == type_name and rules.transitions[source, s.index]
        }

    arrows = {
        ("SP", "N"): {"N", "H"},
        ("SP", "H"): {"H", "C"},
        ("SP", "C"): {"C", "O"},
        ("LIPO", "H"): {"H", "CS"},
        ("LIPO", "CS"): {"CS", "C1"},
        ("LIPO", "C1"): {"O"},
        ("TAT", "N"): {"N", "RR", "H"},
        ("TAT", "RR"): {"RR", "N"},
        ("TATLIPO", "C1"): {"O"},
        ("PILIN", "P"): {"P", "CS"},
        ("PILIN", "CS"): {"CS", "H"},
        ("PILIN", "H"): {"H", "I", "M", "O"},
        ("NO_SP", "I"): {"I", "M"},
        ("NO_SP", "M"): {"I", "M", "O"},
        ("NO_SP", "O"): {"M", "O"},
    }
    for (type_name, name), expected in arrows.items():
        assert follows(type_name, state(type_name, name)) == expected, (type_name, name)


def test_states_before_the_cut_are_those_of_the_signal_peptide():
    inside = {STATES[i].name for i in np.flatnonzero(grammar().before_cut)}
    assert inside == {"N", "H", "C", "CS", "RR", "P"}
    assert not grammar().before_cut[state("PILIN", "CS")]


def test_the_grammar_cannot_be_changed_by_accident():
    rules = grammar()
    try:
        rules.transitions[0, 0] = False
    except ValueError:
        return
    raise AssertionError("arrays of the grammar are writable")
