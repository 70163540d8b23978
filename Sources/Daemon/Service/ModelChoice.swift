import Pipeline
import Segmentation

/// A model that the configuration names.
package struct ModelChoice: Sendable, Equatable {
    package var name: String
    package var directory: String
    package var digest: String

    package init(name: String, directory: String, digest: String) {
        self.name = name
        self.directory = directory
        self.digest = digest
    }

    /// Reads the package of a model.
    init(_ name: String, in catalog: ModelCatalog) throws {
        let model = try catalog.package(named: name)
        self.init(name: name, directory: model.directory, digest: model.digest)
    }
}

extension ServiceContext.Settings {
    /// The models that a configuration names, or why they cannot be used. One that cannot keeps all series waiting: each gets
    /// a result of every model at once, and none is delivered that lacks one of them unnoticed.
    package init(reading configuration: Configuration) {
        self.init(configuration: configuration, models: [])
        readsModels = true
        let explicit = configuration.models.directory
        let catalog = ModelCatalog.locate(explicitDirectory: explicit.isEmpty ? nil : explicit)
        var problems: [String] = []
        for name in configuration.models.names {
            do { models.append(try ModelChoice(name, in: catalog)) } catch {
                problems.append("model \(name): \(classify(error).message)")
            }
        }
        guard !problems.isEmpty else { return }
        models = []
        modelProblem = problems.joined(separator: " ")
    }
}
