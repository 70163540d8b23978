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
/// - Parameters:
///   - cases: name and patient of each case.
///   - persons: by patient, another one that is the same person. Names in the configuration are those of patients.
///   - aliases: by case, other names that the configuration may call it by.
package func split(
    _ cases: [(name: String, patient: String)],
    configuration: SplitConfiguration,
    seed: UInt64,
    persons: [String: String] = [:],
    aliases: [String: [String]] = [:]
) -> Split {
    var result = Split()
    var open: [(name: String, patient: String)] = []
    for item in cases.sorted(by: { $0.name < $1.name }) {
        if matches(item, configuration.exclude, aliases) {
            result.excluded.append(item.name)
        } else if matches(item, configuration.validation, aliases) {
            result.validation.append(item.name)
        } else {
            open.append((item.name, persons[item.patient] ?? item.patient))
        }
    }
    let cases = cases.map { (name: $0.name, patient: persons[$0.patient] ?? $0.patient) }
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

private func matches(
    _ item: (name: String, patient: String),
    _ patterns: [String],
    _ aliases: [String: [String]]
) -> Bool {
    let names = [item.name, item.patient] + (aliases[item.name] ?? [])
    return patterns.map(NamePattern.init).contains { names.contains(where: $0.matches) }
}

extension Split {
    package func role(of name: String) -> CaseRecord.Role? {
        if training.contains(name) { return .training }
        if validation.contains(name) { return .validation }
        if test.contains(name) { return .test }
        return excluded.contains(name) ? .excluded : nil
    }
}

extension Split {
    /// Which part that was asked for has nobody, with the numbers and what to do; nil where none lacks.
    ///
    /// - Parameters:
    ///   - cases: name and patient of each case that was divided.
    ///   - othersTrain: whether there are generated patients, too, which are not divided.
    package func problem(
        of cases: [(name: String, patient: String)],
        _ configuration: SplitConfiguration,
        othersTrain: Bool = false
    ) -> (key: String, message: String)? {
        func patients(_ names: [String]) -> Int {
            let names = Set(names)
            return Set(cases.filter { names.contains($0.name) }.map(\.patient)).count
        }
        let parts = (training: patients(training), validation: patients(validation), test: patients(test))
        // Named ones are not drawn.
        let drawn = parts.training + parts.test + (configuration.validation.isEmpty ? parts.validation : 0)
        let people = "\(drawn) \(drawn == 1 ? "patient" : "patients")"
        if configuration.folds > drawn {
            let advice =
                drawn < 2
                ? "a cross-validation needs two at least" : "take \(drawn) parts at most, as --fold 1/\(drawn)"
            return (
                "split.folds",
                "\(configuration.folds) parts of \(people) leave some in which nobody tests; \(advice)"
            )
        }
        if parts.training == 0, !othersTrain {
            return (
                "split",
                """
                nobody is left to train: of \(patients(cases.map(\.name))) patients \(parts.validation) for validation, \
                \(parts.test) for testing, \(patients(excluded)) excluded; give more patients, or smaller fractions
                """
            )
        }
        guard configuration.folds == 0, configuration.testFraction > 0, drawn > 0, parts.test == 0 else { return nil }
        let least = Int((0.5 / configuration.testFraction).rounded(.up))
        return (
            "split.testFraction",
            """
            \(configuration.testFraction) of \(people) is nobody, so that no patient would test; give \(least) patients at least, a larger \
            fraction, or 0 to train without a test
            """
        )
    }
}

extension SplitConfiguration {
    /// Whether `exclude` names a case of which no more is known than its name.
    package func excludes(_ name: String) -> Bool { matches((name, name), exclude, [:]) }

    /// Names of `validation` that no case and no patient has: most likely slips of the pen.
    package func unknownNames(
        among cases: [(name: String, patient: String)],
        aliases: [String: [String]] = [:]
    ) -> [String] { unused(validation, among: cases, aliases) }

    /// Names of `exclude` that no case and no patient has. They may be meant for other data; or a slip of the pen lets
    /// somebody be trained on who must not be.
    package func unusedExclusions(
        among cases: [(name: String, patient: String)],
        aliases: [String: [String]] = [:]
    ) -> [String] { unused(exclude, among: cases, aliases) }

    private func unused(
        _ patterns: [String],
        among cases: [(name: String, patient: String)],
        _ aliases: [String: [String]]
    ) -> [String] {
        patterns.filter { pattern in !cases.contains { matches($0, [pattern], aliases) } }
    }
}
