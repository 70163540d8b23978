import Pipeline
import Store

extension ServiceContext {
    /// Why a whole part of the service fails, again and again: a full disk under the database, for example.
    struct PartFailure: Sendable, Equatable {
        /// With its article: "the intake".
        var part: String
        var code: String
        /// What the journal says.
        var text: String
    }

    /// What the last look at the model packages found.
    struct ModelLook: Sendable {
        /// Why no series is begun; nil while all models can be used.
        var problem: String?
        var at = ContinuousClock.now
    }

    /// A turn of a part failed. It is done again; what is the same as before is told once.
    ///
    /// - Parameters:
    ///   - part: with its article.
    ///   - index: which one, where there are several.
    package func failed(_ part: String, index: Int = 0, _ error: any Error) {
        let failure = PartFailure(part: part, code: code(of: error), text: classifiedText(error))
        let former = failingParts.withLock { parts in parts.updateValue(failure, forKey: "\(part) \(index)") }
        guard former != failure else { return }
        updateStatus()
        logger.event(.internalError, "\(part) failed: \(failure.text); it is tried again")
    }

    /// A turn of the part went well.
    package func recovered(_ part: String, index: Int = 0) {
        failingParts.withLock { parts in parts["\(part) \(index)"] = nil }
    }

    /// Models as they lie on disk now: a package may have been upgraded, or damaged, since they were read.
    func withPresentModels(_ settings: Settings) -> Settings {
        let present = settings.readsModels ? Settings(reading: settings.configuration) : settings
        note(modelProblem: present.modelProblem)
        return present
    }

    /// Looks whether the models can be used again, whether or not a series waits for them.
    /// - Returns: seconds until the next look; nil when there is no need of one.
    func lookAtModels() -> Double? {
        let last = modelLook.withLock { $0 }
        guard last.problem != nil else { return nil }
        // Each look reads the packages from disk.
        let rest = (last.at + .seconds(10)) - .now
        if rest > .zero { return Double(rest.components.seconds) + 1 }
        return withPresentModels(current).modelProblem.map { _ in 10 }
    }

    /// Told in the journal when it is new.
    func note(modelProblem problem: String?) {
        let former = modelLook.withLock { look in
            defer { look = ModelLook(problem: problem) }
            return look.problem
        }
        guard problem != former else { return }
        updateStatus()
        if let problem { logger.event(.noModel, "no series is begun: \(problem)") }
    }

    private func code(of error: any Error) -> String {
        guard let error = error as? StoreError else { return classify(error).code }
        return error.trouble == .noSpace ? "E_NO_SPACE" : "E_DATABASE"
    }
}
