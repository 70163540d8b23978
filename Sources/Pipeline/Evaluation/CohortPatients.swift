import Dicom

/// Which cases of a cohort are of one patient: two clinicians who contour one scan, or two scans of one patient.
struct CohortPatients {
    /// What cases of one patient have in common. Patient IDs are known by their digest alone.
    enum Trait: Hashable {
        case patient(PatientDigest)
        case series(String)
        /// Path of what was predicted.
        case prediction(String)
    }

    /// Of each case, from 1 on, in the order in which they come.
    let numbers: [Int]

    /// - Parameter traits: of each case.
    init(_ traits: [Set<Trait>]) {
        // Each case points to an earlier one of its patient, the first of them to itself.
        var earlier = Array(traits.indices)
        func first(_ index: Int) -> Int { earlier[index] == index ? index : first(earlier[index]) }
        var owners: [Trait: Int] = [:]
        for (index, own) in traits.enumerated() {
            for trait in own {
                let (a, b) = (first(index), first(owners[trait] ?? index))
                earlier[max(a, b)] = min(a, b)
                owners[trait] = index
            }
        }
        let firsts = traits.indices.map(first)
        let order = Dictionary(uniqueKeysWithValues: Set(firsts).sorted().enumerated().map { ($1, $0 + 1) })
        numbers = firsts.map { order[$0] ?? 0 }
    }

    /// Said where cases are not independent of each other; nil where all are.
    var finding: String? {
        let patients = Set(numbers).count
        guard patients < numbers.count else { return nil }
        return """
            \(numbers.count) cases are of \(patients) \(patients == 1 ? "patient" : "patients"), by Patient ID, series or prediction: \
            intervals are those of patients, all else is of cases
            """
    }
}
