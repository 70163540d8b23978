/// Which cases train, validate, test or stay out.
package struct Split: Codable, Sendable, Equatable {
    package var training: [String] = []
    package var validation: [String] = []
    package var test: [String] = []
    package var excluded: [String] = []
}

/// Divides cases by patient. The draw depends on the seed and on the set of patients, not on the order in which
/// they were found.
///
/// - Parameter cases: name and patient of each case.
package func split(
    _ cases: [(name: String, patient: String)],
    configuration: SplitConfiguration,
    seed: UInt64
) -> Split {
    var result = Split()
    var open: [(name: String, patient: String)] = []
    for item in cases.sorted(by: { $0.name < $1.name }) {
        if matches(item, configuration.exclude) {
            result.excluded.append(item.name)
        } else if matches(item, configuration.validation) {
            result.validation.append(item.name)
        } else {
            open.append(item)
        }
    }
    // A patient of whom one series was chosen for validation by name must not be trained on with another.
    let chosen = Set(cases.filter { result.validation.contains($0.name) }.map(\.patient))
    let hidden = Set(cases.filter { result.excluded.contains($0.name) }.map(\.patient))
    result.validation += open.filter { chosen.contains($0.patient) }.map(\.name)
    result.excluded += open.filter { hidden.contains($0.patient) && !chosen.contains($0.patient) }.map(\.name)
    open.removeAll { chosen.contains($0.patient) || hidden.contains($0.patient) }

    var random = SeededRandom(seed, 0x5917)
    let patients = Set(open.map(\.patient)).sorted().shuffled(using: &random)
    let testCount = Int((configuration.testFraction * Double(patients.count)).rounded())
    let wanted = configuration.validation.isEmpty ? configuration.validationFraction : 0
    let validationCount = Int((wanted * Double(patients.count)).rounded())
    let testPatients = Set(patients.prefix(testCount))
    let validationPatients = Set(patients.dropFirst(testCount).prefix(validationCount))
    result.test += open.filter { testPatients.contains($0.patient) }.map(\.name)
    result.validation += open.filter { validationPatients.contains($0.patient) }.map(\.name)
    let taken = testPatients.union(validationPatients)
    result.training = open.filter { !taken.contains($0.patient) }.map(\.name)
    return result
}

private func matches(_ item: (name: String, patient: String), _ patterns: [String]) -> Bool {
    patterns.contains { NamePattern($0).matches(item.name) || NamePattern($0).matches(item.patient) }
}

extension Split {
    package func role(of name: String) -> CaseRecord.Role? {
        if training.contains(name) { return .training }
        if validation.contains(name) { return .validation }
        if test.contains(name) { return .test }
        return excluded.contains(name) ? .excluded : nil
    }
}
