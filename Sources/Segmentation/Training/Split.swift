/// Which cases train, validate, test or stay out.
package struct Split: Codable, Sendable, Equatable {
    package var training: [String] = []
    package var validation: [String] = []
    package var test: [String] = []
    package var excluded: [String] = []

    package init(
        training: [String] = [],
        validation: [String] = [],
        test: [String] = [],
        excluded: [String] = []
    ) {
        (self.training, self.validation, self.test, self.excluded) = (training, validation, test, excluded)
    }
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
    let testPatients = Set(testPatients(patients, configuration))
    let others = patients.filter { !testPatients.contains($0) }
    let wanted = configuration.validation.isEmpty ? configuration.validationFraction : 0
    let base = configuration.folds > 0 ? others.count : patients.count
    // Without any validation nothing chooses the best epoch.
    let least = wanted > 0 && others.count > 2 ? 1 : 0
    let validationPatients = Set(others.prefix(max(least, Int((wanted * Double(base)).rounded()))))
    result.test += open.filter { testPatients.contains($0.patient) }.map(\.name)
    result.validation += open.filter { validationPatients.contains($0.patient) }.map(\.name)
    let taken = testPatients.union(validationPatients)
    result.training = open.filter { !taken.contains($0.patient) }.map(\.name)
    return result
}

/// The first part of the shuffled patients, or one of the folds, whose sizes differ by one at most.
private func testPatients(_ patients: [String], _ configuration: SplitConfiguration) -> ArraySlice<String> {
    let (count, folds) = (patients.count, configuration.folds)
    guard folds > 0 else {
        return patients.prefix(Int((configuration.testFraction * Double(count)).rounded()))
    }
    return patients[(count * (configuration.fold - 1) / folds)..<(count * configuration.fold / folds)]
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

extension SplitConfiguration {
    /// Names of `validation` that no case and no patient has: most likely slips of the pen.
    package func unknownNames(among cases: [(name: String, patient: String)]) -> [String] {
        unused(validation, among: cases)
    }

    /// Names of `exclude` that no case and no patient has. They may be meant for other data; or a slip of the pen lets
    /// somebody be trained on who must not be.
    package func unusedExclusions(among cases: [(name: String, patient: String)]) -> [String] {
        unused(exclude, among: cases)
    }

    private func unused(_ patterns: [String], among cases: [(name: String, patient: String)]) -> [String] {
        patterns.filter { pattern in !cases.contains { matches($0, [pattern]) } }
    }
}
